"""What an array can be asked and told about a sync, one package a back end."""
