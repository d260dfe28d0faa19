"""Drawing widgets that know nothing of GPTs; import each from its own module."""
