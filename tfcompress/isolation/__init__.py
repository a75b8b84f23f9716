"""Child processes: what may crash, hang or leak runs in one of them, and its parent goes on."""
