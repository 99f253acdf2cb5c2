"""Acting direction: Action Units that are keyed before a bake and steer how the speech is performed."""
