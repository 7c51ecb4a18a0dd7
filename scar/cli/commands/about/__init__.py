"""Commands about the program itself, which need no account.

``version`` shows the version and the licences, ``schema`` prints the FDL's JSON Schema for editors,
``completion`` the code that completes command lines in a shell, ``help`` the help of a command.
"""
