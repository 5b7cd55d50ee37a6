"""The product on one machine: what it needs, what it runs, what keeps it running, and the main job told."""
