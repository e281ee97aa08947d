package inspect

import (
	"debug/elf"
	"fmt"
	"strings"

	"github.com/outwork-go/outwork/layout"
)

// elfMachine names a machine as people do, with its word size and byte order where there
// are several.
func elfMachine(m elf.Machine, wide bool, order layout.Order) string {
	byWidth := func(narrow, wider string) string {
		if wide {
			return wider
		}
		return narrow
	}
	// The usual order needs no word.
	byOrder := func(name string, usual layout.Order) string {
		switch {
		case order == usual:
			return name
		case order == layout.Big:
			return name + "be"
		}
		return name + "le"
	}
	switch m {
	case elf.EM_386:
		return "i386"
	case elf.EM_X86_64:
		return byWidth("x32", "x86-64")
	case elf.EM_AARCH64:
		return byOrder("aarch64", layout.Little)
	case elf.EM_ARM:
		return byOrder("arm", layout.Little)
	case elf.EM_PPC, elf.EM_PPC64:
		return byOrder(byWidth("ppc", "ppc64"), layout.Big)
	case elf.EM_S390:
		return byWidth("s390", "s390x")
	case elf.EM_MIPS:
		if order == layout.Little {
			return byWidth("mipsel", "mips64el")
		}
		return byWidth("mips", "mips64")
	case elf.EM_RISCV:
		return byWidth("riscv32", "riscv64")
	case elf.EM_LOONGARCH:
		return byWidth("loongarch32", "loongarch64")
	case elf.EM_SPARCV9:
		return "sparc64"
	case elf.EM_PARISC:
		return "hppa"
	}
	if name := named[elf.Machine]().Note(uint64(m)); name != "" {
		return strings.ToLower(strings.TrimPrefix(name, "EM_"))
	}
	return fmt.Sprintf("machine %d", uint16(m))
}

// tell says what the file is, and fills the facts.
func (f *elfFile) tell() {
	f.r.Kind = f.kindName()
	if f.order == layout.Big {
		f.r.fact("Byte order", "big endian")
	} else {
		f.r.fact("Byte order", "little endian")
	}
	f.r.fact("System", "%s", osName(elf.OSABI(f.header.Uint("EI_OSABI"))))
	if entry := f.header.Uint("e_entry"); entry != 0 {
		f.r.fact("Entry", "%#x", entry)
	}
	f.factText("Interpreter", f.interpreter())
	f.factText("SONAME", f.dynamicName(elf.DT_SONAME))
	f.factText("RPATH", f.dynamicName(elf.DT_RPATH))
	f.factText("RUNPATH", f.dynamicName(elf.DT_RUNPATH))
	f.tellNotes()
	f.tellSections()
	if f.kind == elf.ET_EXEC || f.kind == elf.ET_DYN {
		f.tellProtection()
	}
}

// factText adds a fact whose value is known.
func (f *elfFile) factText(name, value string) {
	if value != "" {
		f.r.fact(name, "%s", value)
	}
}

// kindName is what the file is, for people. A program that can be loaded anywhere has the
// type of a shared library: newer linkers tell it, else it is what wants an interpreter
// and has no name to be needed by.
func (f *elfFile) kindName() string {
	_, interpreted := f.segment(elf.PT_INTERP)
	_, soname := f.dynamic.values[elf.DT_SONAME]
	pie := f.dynamic.values[elf.DT_FLAGS_1]&uint64(elf.DF_1_PIE) != 0
	switch f.kind {
	case elf.ET_REL:
		if _, ok := f.section(".modinfo"); ok {
			return "kernel module"
		}
		return "object file"
	case elf.ET_EXEC:
		if !f.dynamic.there && !interpreted {
			return "static executable"
		}
		return "executable"
	case elf.ET_DYN:
		switch {
		case interpreted && (pie || !soname):
			return "position-independent executable"
		case pie:
			return "static position-independent executable"
		}
		return "shared library"
	case elf.ET_CORE:
		return "core dump"
	}
	return fmt.Sprintf("ELF file of type %#x", uint16(f.kind))
}

func osName(abi elf.OSABI) string {
	switch abi {
	case elf.ELFOSABI_NONE:
		return "System V"
	case elf.ELFOSABI_LINUX:
		return "GNU/Linux"
	}
	if name := named[elf.OSABI]().Note(uint64(abi)); name != "" {
		return strings.TrimPrefix(name, "ELFOSABI_")
	}
	return fmt.Sprintf("OS ABI %d", uint8(abi))
}

// interpreter is the program that loads this one.
func (f *elfFile) interpreter() string {
	s, ok := f.segment(elf.PT_INTERP)
	if !ok {
		return ""
	}
	p := f.readTable("the interpreter's name", s.off, min(s.size, maxString))
	return f.name(p.b, 0)
}

// tellSections adds what only sections tell.
func (f *elfFile) tellSections() {
	if f.kind == elf.ET_CORE {
		return
	}
	_, symbols := f.ofKind(elf.SHT_SYMTAB)
	_, debug := f.section(".debug_info")
	_, packed := f.section(".zdebug_info")
	switch {
	case debug || packed:
		f.r.fact("Stripped", "no, with debug information")
	case symbols:
		f.r.fact("Stripped", "no")
	case len(f.sections) == 0 && f.header.Uint("e_shoff") != 0: // they could not be read: nobody knows
	case len(f.sections) == 0:
		f.r.fact("Stripped", "yes, of the section headers too")
	default:
		f.r.fact("Stripped", "yes")
	}
	if s, ok := f.section(".gnu_debuglink"); ok {
		p := f.readTable("the debug link", s.off, min(s.inFile(), maxString))
		f.factText("Debug link", f.name(p.b, 0))
	}
	if s, ok := f.section(".go.buildinfo"); ok {
		p, _ := f.read(s.off, min(s.inFile(), maxNote))
		f.factText("Go version", f.goVersion(p.b))
	}
}

// goVersion is the version in .go.buildinfo, as programs since Go 1.18 have it.
func (f *elfFile) goVersion(b []byte) string {
	const (
		magic  = "\xff Go buildinf:"
		head   = 32
		inline = 2 // of the flags behind the magic and the size of a pointer
	)
	if len(b) <= head || !strings.HasPrefix(string(b[:len(magic)]), magic) || b[len(magic)+1]&inline == 0 {
		return ""
	}
	size, n := int(b[head]), head+1
	if size == 0 || size >= 0x80 || len(b) < n+size {
		return ""
	}
	return f.name(b[n:n+size], 0)
}

// tellProtection adds how a loader protects the program from being taken over.
func (f *elfFile) tellProtection() {
	d := &f.dynamic
	if _, ok := f.segment(elf.PT_GNU_RELRO); !ok {
		f.r.fact("RELRO", "none")
	} else if f.bindNow() {
		f.r.fact("RELRO", "full")
	} else {
		f.r.fact("RELRO", "partial")
	}
	if d.there {
		f.r.fact("Bind now", "%s", yesNo(f.bindNow()))
	}
	if s, ok := f.segment(elf.PT_GNU_STACK); ok {
		f.r.fact("Executable stack", "%s", yesNo(s.flags&elf.PF_X != 0))
	}
}

func (f *elfFile) bindNow() bool {
	v := f.dynamic.values
	_, now := v[elf.DT_BIND_NOW]
	return now || v[elf.DT_FLAGS]&uint64(elf.DF_BIND_NOW) != 0 || v[elf.DT_FLAGS_1]&uint64(elf.DF_1_NOW) != 0
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
