"""From contacts, frame by frame, to touches: when each began and ended, and where it was."""
