"""The command-line tools, one a stage; each is an absl main and is installed as `kbs-<tool>`."""
