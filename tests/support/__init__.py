"""What tests share: servers, databases, waiting for locks."""
