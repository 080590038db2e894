"""What each command of the command line does, and what the commands share: options, messages, files, tables."""
