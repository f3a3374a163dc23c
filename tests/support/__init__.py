"""What tests of several packages share: each thing that must be started, in one place."""
