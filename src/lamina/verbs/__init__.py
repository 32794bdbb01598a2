"""What a user can ask for, one verb a file: the only door for the command line, Python and the browser."""
