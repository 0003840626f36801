"""What a host must allow its account to run as root, in the form of each program that does so (`become`)."""
