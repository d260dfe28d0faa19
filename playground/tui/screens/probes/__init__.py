"""The probes dialog: which prompts are asked again and again, and how the answers changed."""
