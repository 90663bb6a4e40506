"""What all callbacks share: when to save, the restart, the notes, the signals, the processes of a team."""
