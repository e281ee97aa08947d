# Prints the shared libraries that a program imports: an ELF or a PE file,
# shared as "data" or under the name that is given. Called with a file itself, as
# "outwork map" does, it returns their names: None for what is neither ELF nor PE.
#
#   outwork run --share data=/usr/bin/git examples/imports.py
#   outwork run --share data=setup.exe --modules FOLDER examples/imports.py
#   outwork map examples/imports.py -r /usr/bin
#
# ELF is read where it is, by struct. The headers of PE are left to pefile, if that
# is installed or in FOLDER, and else to a small reader that prints the same.
#
# The file may be hostile: every offset is held against the size, every count
# and string against a bound.

import struct
import sys

import outwork

MAX_NAME = 4096  # bytes of a library's name
MAX_ENTRIES = 4096  # entries of a table


class Bad(Exception):
    """The file is not what it says, or says nothing that is known here."""


def main(data="data"):
    if not isinstance(data, str):
        return imports(data)
    try:
        names = imports(outwork.shared(data))
        if names is None:
            raise Bad
    except Bad:
        print("error: couldn't load file")
        sys.exit(1)
    for name in names:
        print("imported module: " + name)


def imports(f):
    if f[:4] == b"\x7fELF":
        return elf_imports(view(f))
    if f[:2] == b"MZ":
        return pe_imports(f)
    return None


def view(f):
    """The bytes where they are; a copy, if they stay at the manager."""
    try:
        return f.view() if isinstance(f, outwork.Container) else memoryview(f)
    except BufferError:
        return memoryview(bytes(f))


# ELF: the dynamic segment, found by the program headers. Section headers are
# for linkers, and may be stripped.

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ = 0, 1, 5, 10

# By the class: where the program headers are told of and how, a program header,
# which of its fields are offset, address and size, and an entry of the dynamic segment.
ELF = {
    1: (28, "I10xHH", "IIIIIIII", (1, 2, 4), "II"),
    2: (32, "Q14xHH", "IIQQQQQQ", (2, 3, 5), "QQ"),
}


def elf_imports(f):
    kind, order = unpack("4xBB", f, 0)
    at, header, segment, fields, entry = pick(kind, ELF)
    order = pick(order, {1: "<", 2: ">"})
    table, size, count = unpack(order + header, f, at)
    if count and size < struct.calcsize(order + segment):
        raise Bad
    loads, dynamic = [], None
    for i in range(count):
        found = unpack(order + segment, f, table + i * size)
        if found[0] == PT_LOAD:
            loads.append([found[k] for k in fields])
        elif found[0] == PT_DYNAMIC:
            dynamic = [found[k] for k in fields]
    if not dynamic:
        return []  # statically linked
    needed, tags = elf_tags(f, order + entry, *dynamic)
    if not needed:
        return []
    if DT_STRTAB not in tags or DT_STRSZ not in tags:
        raise Bad
    table, size = elf_offset(loads, tags[DT_STRTAB]), tags[DT_STRSZ]
    return [elf_name(f, table, size, at) for at in needed]


def elf_tags(f, entry, offset, _, size):
    needed, tags, width = [], {}, struct.calcsize(entry)
    for i in range(bounded(size // width)):
        tag, value = unpack(entry, f, offset + i * width)
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            needed.append(value)
        tags[tag] = value
    return needed, tags


def elf_offset(loads, address):
    for offset, start, size in loads:
        if start <= address < start + size:
            return address - start + offset
    raise Bad


def elf_name(f, table, size, at):
    if at >= size:
        raise Bad
    start = table + at
    return text(bytes(f[start : start + min(size - at, MAX_NAME)]))


# PE: the directories of imports and of delayed imports.

IMPORTS, DELAYED = 1, 13


def pe_imports(f):
    try:
        import pefile
    except ImportError:
        image = Image(view(f))
    else:
        image = Parsed(pefile, f)
    names = pe_imported(image) + pe_delayed(image)
    return [text(image.read(rva, MAX_NAME)) for rva in names]


def pe_imported(image):
    return [name for _, name in entries(image, IMPORTS, "12xI4x")]


def pe_delayed(image):
    # Without this flag the fields are addresses, as old linkers wrote.
    return [name if flags & 1 else name - image.base for flags, name in entries(image, DELAYED, "II24x")]


def entries(image, directory, form):
    """What a directory's entries have of form, as flags and name, up to the one
    without a name."""
    table, size = image.directory(directory), struct.calcsize("<" + form)
    found = []
    while table:
        entry = unpack("<" + form, image.read(table + len(found) * size, size), 0)
        if not entry[-1]:
            break
        found.append((entry[0], entry[-1]))
        if len(found) == MAX_ENTRIES:
            raise Bad
    return found


class Parsed:
    """A PE file as pefile has it."""

    def __init__(self, pefile, f):
        try:
            self.pe = pefile.PE(data=f, fast_load=True)
        except Exception:  # it is not always its own, for odd files
            raise Bad from None
        self.base = self.pe.OPTIONAL_HEADER.ImageBase

    def directory(self, index):
        table = self.pe.OPTIONAL_HEADER.DATA_DIRECTORY
        return table[index].VirtualAddress if index < len(table) else 0

    def read(self, rva, most):
        """At most so many bytes at an address that is relative to the base."""
        try:
            return bytes(self.pe.get_data(rva, most)) if rva >= 0 else b""
        except Exception:
            raise Bad from None


class Image:
    """A PE file, by its headers."""

    def __init__(self, f):
        self.f = f
        (pe,) = unpack("<I", f, 0x3C)
        signature, count, size, kind = unpack("<4s2xH12xH2xH", f, pe)
        if signature != b"PE\0\0":
            raise Bad
        optional = pe + 24
        base, form, self.count_at = pick(kind, {0x10B: (28, "<I", 92), 0x20B: (24, "<Q", 108)})
        (self.base,) = unpack(form, f, optional + base)
        (alignment,) = unpack("<I", f, optional + 32)
        (self.headers,) = unpack("<I", f, optional + 60)
        self.count_at += optional
        self.sections = []
        for i in range(bounded(count)):
            address, size_here, start = unpack("<12xIII", f, optional + size + 40 * i)
            # Windows takes the file offset as a number of whole sectors.
            self.sections.append((address, size_here, start // 512 * 512 if alignment >= 4096 else start))

    def directory(self, index):
        (count,) = unpack("<I", self.f, self.count_at)
        return unpack("<I", self.f, self.count_at + 4 + 8 * index)[0] if index < count else 0

    def read(self, rva, most):
        """At most so many bytes at an address that is relative to the base."""
        start = self.offset(rva)
        return bytes(self.f[start : start + most])

    def offset(self, rva):
        if 0 <= rva < self.headers:
            return rva
        for address, size, start in self.sections:
            if address <= rva < address + size:
                return rva - address + start
        raise Bad


# Reading with bounds.


def unpack(form, f, at):
    if at + struct.calcsize(form) > len(f):
        raise Bad
    return struct.unpack_from(form, f, at)


def text(raw):
    """The name that raw begins with, without what could move a cursor."""
    name, nul, _ = raw.partition(b"\0")
    if not nul or not name:
        raise Bad
    return "".join(c if c >= " " and c != "\x7f" else "?" for c in name.decode("utf-8", "replace"))


def bounded(n):
    if n > MAX_ENTRIES:
        raise Bad
    return n


def pick(key, choices):
    if key not in choices:
        raise Bad
    return choices[key]
