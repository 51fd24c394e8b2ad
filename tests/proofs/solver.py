"""Bitwuzla as a program that reads SMT-LIB: its package on PyPI is a library."""

import sys

import bitwuzla

if "--help" in sys.argv:
    print("--lang")
    sys.exit()
options = bitwuzla.Options()
options.set(bitwuzla.Option.PRODUCE_MODELS, True)
parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
command, depth, quoted = [], 0, False
for line in sys.stdin:
    line = line.partition(";")[0] if not quoted else line
    command.append(line)
    for char in line:
        if char == "|":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
    if depth == 0 and not quoted:
        text = "".join(command).strip()
        command.clear()
        if text == "(exit)":
            break
        if text:
            parser.parse(text, False, False)
            sys.stdout.flush()
