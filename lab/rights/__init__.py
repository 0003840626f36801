"""What an account that is not root may do on a simulated host, by itself and through sudo and the like."""
