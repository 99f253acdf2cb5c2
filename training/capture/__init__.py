"""The synthetic studio: heads, skin, hair, light, Cycles."""
