"""What must not be readable by everyone with the file: sealing."""
