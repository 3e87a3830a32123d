# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stand-in of OpenWrt's `uci`, over $LOCKSTEP_ROOT/etc/config: get, set, show and commit, and (for
functions.sh beside this) `shell PACKAGE`, which prints a package as assignments for a shell. What is set is
seen by the next call, and is in the file only after commit."""
import os
import sys

# No more modules than these: it is called a thousand times.
CONFIG = os.environ["LOCKSTEP_ROOT"] + "/etc/config"
STAGED = os.environ["STAND_IN"] + "/uci-staged"


class Trouble(Exception):
    pass


def split_words(text):
    """Lines of words. Single quotes keep all, double quotes and the bare word know the backslash."""
    lines, line, word, quote, i = [], [], None, "", 0
    while i < len(text):
        c = text[i]
        if quote == "'":
            quote, word = ("", word) if c == "'" else (quote, word + c)
        elif c == "\\" and i + 1 < len(text):
            i += 1
            word = (word or "") + ("" if text[i] == "\n" else text[i])
        elif quote == '"':
            quote, word = ("", word) if c == '"' else (quote, word + c)
        elif c in "'\"":
            quote, word = c, word or ""
        elif c == "#":
            i = (text + "\n").index("\n", i) - 1
        elif c.isspace() or c == ";":
            if word is not None:
                line.append(word)
                word = None
            if c in "\n;" and line:
                lines.append(line)
                line = []
        else:
            word = (word or "") + c
        i += 1
    if quote:
        raise Trouble("Parse error (unterminated)")
    if word is not None:
        line.append(word)
    return lines + ([line] if line else [])


def parse(text):
    """Sections as [type, name or None, {option: value or [values]}]."""
    sections, current = [], None
    for words in split_words(text):
        kind, *rest = words
        if kind == "config" and len(rest) in (1, 2):
            current = find(sections, rest[1]) if len(rest) == 2 else None
            if current is None:
                current = [rest[0], rest[1] if len(rest) == 2 else None, {}]
                sections.append(current)
        elif kind == "option" and len(rest) == 2 and current:
            current[2][rest[0]] = rest[1]
        elif kind == "list" and len(rest) == 2 and current:
            values = current[2].get(rest[0], [])
            current[2][rest[0]] = ([values] if isinstance(values, str) else values) + [rest[1]]
        elif kind != "package":
            raise Trouble(f"Parse error: {words}")
    return sections


def quote(value):
    return "'" + value.replace("'", "'\\''") + "'"


def write(sections):
    lines = []
    for kind, name, options in sections:
        lines.append(f"\nconfig {kind}" + (f" {quote(name)}" if name else ""))
        for option, value in options.items():
            lines += ([f"\toption {option} {quote(value)}"] if isinstance(value, str)
                      else [f"\tlist {option} {quote(item)}" for item in value])
    return "\n".join(lines) + "\n"


def read(package):
    for folder in (STAGED, CONFIG):
        try:
            with open(f"{folder}/{package}", "rb") as file:
                return parse(file.read().decode("utf-8", "surrogateescape"))
        except FileNotFoundError:
            continue
    raise Trouble("Entry not found")


def find(sections, name):
    if name.startswith("@"):
        kind, number = name[1:-1].split("[")
        same = [section for section in sections if section[0] == kind]
        return same[int(number)] if int(number) < len(same) else None
    return next((section for section in sections if section[1] == name), None)


def name_of(sections, number):
    return sections[number][1] or f"cfg{number:02x}abcd"


def get(key):
    package, section_name, *option = key.split(".")
    section = find(read(package), section_name)
    value = section and (section[2].get(option[0]) if option else section[0])
    if value is None:
        raise Trouble("Entry not found")
    print(value if isinstance(value, str) else " ".join(value))


def set_value(assignment):
    key, value = assignment.split("=", 1)
    package, section_name, *option = key.split(".")
    sections = read(package)
    section = find(sections, section_name)
    if option and section is None:
        raise Trouble("Invalid argument")
    if option:
        section[2][option[0]] = value
    elif section is None:
        sections.append([value, section_name, {}])
    else:
        section[0] = value
    os.makedirs(STAGED, exist_ok=True)
    with open(f"{STAGED}/{package}", "wb") as file:
        file.write(write(sections).encode("utf-8", "surrogateescape"))


def show(package):
    sections = read(package)
    for number, (kind, _, options) in enumerate(sections):
        prefix = f"{package}.{name_of(sections, number)}"
        print(f"{prefix}={kind}")
        for option, value in options.items():
            values = [value] if isinstance(value, str) else value
            print(f"{prefix}.{option}=" + " ".join(quote(item) for item in values))


def shell(package):
    sections = read(package)
    names = [name_of(sections, number) for number in range(len(sections))]
    print("CONFIG_SECTIONS=" + quote(" ".join(names)))
    for name, (kind, _, options) in zip(names, sections):
        print(f"CONFIG_{name}_TYPE={quote(kind)}")
        for option, value in options.items():
            if isinstance(value, str):
                print(f"CONFIG_{name}_{option}={quote(value)}")
                continue
            print(f"CONFIG_{name}_{option}={quote(' '.join(value))}")
            print(f"CONFIG_{name}_{option}_LENGTH={len(value)}")
            for number, item in enumerate(value, 1):
                print(f"CONFIG_{name}_{option}_ITEM{number}={quote(item)}")


def commit(package):
    if os.path.exists(f"{STAGED}/{package}"):
        os.replace(f"{STAGED}/{package}", f"{CONFIG}/{package}")


def main():
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    words = [word for word in sys.argv[1:] if word != "-q"]
    try:
        {"get": get, "set": set_value, "show": show, "shell": shell, "commit": commit}[words[0]](words[1])
    except Trouble as trouble:
        if "-q" not in sys.argv:
            print(f"uci: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
