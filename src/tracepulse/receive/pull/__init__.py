"""Sources that are asked, rather than sending by themselves; one file each."""
