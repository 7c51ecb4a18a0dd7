"""The rules of single services; ``scar.aws.checker`` knows which request they are for."""
