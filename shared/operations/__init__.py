"""What Litekeep does, one package for each operation, each in the order that loses nothing."""
