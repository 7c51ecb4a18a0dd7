"""The rules of each service; ``requests.validator`` maps operations to rules."""
