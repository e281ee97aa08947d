package inspect

import (
	"strconv"
	"time"

	"github.com/outwork-go/outwork/layout"
)

// constant is a number of a format, with its name there and one for people. Tables are
// slices of it, which cost nothing until they are used.
type constant struct {
	value uint64
	name  string
	short string
}

type constants []constant

// Note is the name that the format has for v.
func (all constants) Note(v uint64) string {
	for _, c := range all {
		if c.value == v {
			return c.name
		}
	}
	return ""
}

// short is the name for people, or v in hexadecimal.
func (all constants) short(v uint64) string {
	for _, c := range all {
		if c.value == v {
			return c.short
		}
	}
	return "0x" + strconv.FormatUint(v, 16)
}

var peMachines = constants{
	{0x0, "IMAGE_FILE_MACHINE_UNKNOWN", "any"},
	{0x14c, "IMAGE_FILE_MACHINE_I386", "i386"},
	{0x162, "IMAGE_FILE_MACHINE_R3000", "mips"},
	{0x166, "IMAGE_FILE_MACHINE_R4000", "mips"},
	{0x169, "IMAGE_FILE_MACHINE_WCEMIPSV2", "mips"},
	{0x184, "IMAGE_FILE_MACHINE_ALPHA", "alpha"},
	{0x1a2, "IMAGE_FILE_MACHINE_SH3", "sh3"},
	{0x1a6, "IMAGE_FILE_MACHINE_SH4", "sh4"},
	{0x1c0, "IMAGE_FILE_MACHINE_ARM", "arm"},
	{0x1c2, "IMAGE_FILE_MACHINE_THUMB", "arm"},
	{0x1c4, "IMAGE_FILE_MACHINE_ARMNT", "arm"},
	{0x1f0, "IMAGE_FILE_MACHINE_POWERPC", "powerpc"},
	{0x200, "IMAGE_FILE_MACHINE_IA64", "ia64"},
	{0x284, "IMAGE_FILE_MACHINE_ALPHA64", "alpha64"},
	{0xebc, "IMAGE_FILE_MACHINE_EBC", "EFI byte code"},
	{0x5032, "IMAGE_FILE_MACHINE_RISCV32", "riscv32"},
	{0x5064, "IMAGE_FILE_MACHINE_RISCV64", "riscv64"},
	{0x6232, "IMAGE_FILE_MACHINE_LOONGARCH32", "loongarch32"},
	{0x6264, "IMAGE_FILE_MACHINE_LOONGARCH64", "loongarch64"},
	{0x8664, "IMAGE_FILE_MACHINE_AMD64", "x86-64"},
	{0xa641, "IMAGE_FILE_MACHINE_ARM64EC", "aarch64"},
	{0xa64e, "IMAGE_FILE_MACHINE_ARM64X", "aarch64"},
	{0xaa64, "IMAGE_FILE_MACHINE_ARM64", "aarch64"},
}

// The subsystems that a Kind depends on.
const (
	subsystemNative      = 1
	subsystemEFI         = 10
	subsystemEFIBoot     = 11
	subsystemEFIRuntime  = 12
	subsystemEFIROM      = 13
	subsystemApplication = 16
)

var peSubsystems = constants{
	{0, "IMAGE_SUBSYSTEM_UNKNOWN", "unknown"},
	{subsystemNative, "IMAGE_SUBSYSTEM_NATIVE", "native"},
	{2, "IMAGE_SUBSYSTEM_WINDOWS_GUI", "Windows GUI"},
	{3, "IMAGE_SUBSYSTEM_WINDOWS_CUI", "Windows console"},
	{5, "IMAGE_SUBSYSTEM_OS2_CUI", "OS/2 console"},
	{7, "IMAGE_SUBSYSTEM_POSIX_CUI", "POSIX console"},
	{8, "IMAGE_SUBSYSTEM_NATIVE_WINDOWS", "Windows 9x driver"},
	{9, "IMAGE_SUBSYSTEM_WINDOWS_CE_GUI", "Windows CE GUI"},
	{subsystemEFI, "IMAGE_SUBSYSTEM_EFI_APPLICATION", "EFI application"},
	{subsystemEFIBoot, "IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER", "EFI boot service driver"},
	{subsystemEFIRuntime, "IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER", "EFI runtime driver"},
	{subsystemEFIROM, "IMAGE_SUBSYSTEM_EFI_ROM", "EFI ROM"},
	{14, "IMAGE_SUBSYSTEM_XBOX", "Xbox"},
	{subsystemApplication, "IMAGE_SUBSYSTEM_WINDOWS_BOOT_APPLICATION", "Windows boot application"},
	{17, "IMAGE_SUBSYSTEM_XBOX_CODE_CATALOG", "Xbox code catalog"},
}

// Bits of the file header's Characteristics.
const (
	fileExecutable = 0x2
	fileDLL        = 0x2000
)

// peFlags are the bits that the headers and sections have.
var (
	fileFlags = layout.Flags{
		{Mask: 0x1, Name: "RELOCS_STRIPPED"},
		{Mask: fileExecutable, Name: "EXECUTABLE_IMAGE"},
		{Mask: 0x4, Name: "LINE_NUMS_STRIPPED"},
		{Mask: 0x8, Name: "LOCAL_SYMS_STRIPPED"},
		{Mask: 0x10, Name: "AGGRESSIVE_WS_TRIM"},
		{Mask: 0x20, Name: "LARGE_ADDRESS_AWARE"},
		{Mask: 0x80, Name: "BYTES_REVERSED_LO"},
		{Mask: 0x100, Name: "32BIT_MACHINE"},
		{Mask: 0x200, Name: "DEBUG_STRIPPED"},
		{Mask: 0x400, Name: "REMOVABLE_RUN_FROM_SWAP"},
		{Mask: 0x800, Name: "NET_RUN_FROM_SWAP"},
		{Mask: 0x1000, Name: "SYSTEM"},
		{Mask: fileDLL, Name: "DLL"},
		{Mask: 0x4000, Name: "UP_SYSTEM_ONLY"},
		{Mask: 0x8000, Name: "BYTES_REVERSED_HI"},
	}
	dllFlags = layout.Flags{
		{Mask: 0x20, Name: "HIGH_ENTROPY_VA"},
		{Mask: 0x40, Name: "DYNAMIC_BASE"},
		{Mask: 0x80, Name: "FORCE_INTEGRITY"},
		{Mask: 0x100, Name: "NX_COMPAT"},
		{Mask: 0x200, Name: "NO_ISOLATION"},
		{Mask: 0x400, Name: "NO_SEH"},
		{Mask: 0x800, Name: "NO_BIND"},
		{Mask: 0x1000, Name: "APPCONTAINER"},
		{Mask: 0x2000, Name: "WDM_DRIVER"},
		{Mask: 0x4000, Name: "GUARD_CF"},
		{Mask: 0x8000, Name: "TERMINAL_SERVER_AWARE"},
	}
	sectionFlags = layout.Flags{
		{Mask: 0x8, Name: "NO_PAD"},
		{Mask: 0x20, Name: "CODE"},
		{Mask: 0x40, Name: "INITIALIZED_DATA"},
		{Mask: 0x80, Name: "UNINITIALIZED_DATA"},
		{Mask: 0x200, Name: "INFO"},
		{Mask: 0x800, Name: "REMOVE"},
		{Mask: 0x1000, Name: "COMDAT"},
		{Mask: 0x8000, Name: "GPREL"},
		{Mask: 0xf00000, Name: "ALIGN_1", Value: 0x100000},
		{Mask: 0xf00000, Name: "ALIGN_2", Value: 0x200000},
		{Mask: 0xf00000, Name: "ALIGN_4", Value: 0x300000},
		{Mask: 0xf00000, Name: "ALIGN_8", Value: 0x400000},
		{Mask: 0xf00000, Name: "ALIGN_16", Value: 0x500000},
		{Mask: 0xf00000, Name: "ALIGN_32", Value: 0x600000},
		{Mask: 0xf00000, Name: "ALIGN_64", Value: 0x700000},
		{Mask: 0xf00000, Name: "ALIGN_128", Value: 0x800000},
		{Mask: 0xf00000, Name: "ALIGN_256", Value: 0x900000},
		{Mask: 0xf00000, Name: "ALIGN_512", Value: 0xa00000},
		{Mask: 0xf00000, Name: "ALIGN_1024", Value: 0xb00000},
		{Mask: 0xf00000, Name: "ALIGN_2048", Value: 0xc00000},
		{Mask: 0xf00000, Name: "ALIGN_4096", Value: 0xd00000},
		{Mask: 0xf00000, Name: "ALIGN_8192", Value: 0xe00000},
		{Mask: 0x1000000, Name: "NRELOC_OVFL"},
		{Mask: 0x2000000, Name: "DISCARDABLE"},
		{Mask: 0x4000000, Name: "NOT_CACHED"},
		{Mask: 0x8000000, Name: "NOT_PAGED"},
		{Mask: 0x10000000, Name: "SHARED"},
		{Mask: 0x20000000, Name: "EXECUTE"},
		{Mask: 0x40000000, Name: "READ"},
		{Mask: 0x80000000, Name: "WRITE"},
	}
)

// Types of entries of the debug directory.
const (
	debugCodeView = 2
	debugRepro    = 16
)

var debugTypes = constants{
	{1, "IMAGE_DEBUG_TYPE_COFF", "COFF"},
	{debugCodeView, "IMAGE_DEBUG_TYPE_CODEVIEW", "CodeView"},
	{3, "IMAGE_DEBUG_TYPE_FPO", "FPO"},
	{4, "IMAGE_DEBUG_TYPE_MISC", "misc"},
	{5, "IMAGE_DEBUG_TYPE_EXCEPTION", "exception"},
	{6, "IMAGE_DEBUG_TYPE_FIXUP", "fixup"},
	{9, "IMAGE_DEBUG_TYPE_BORLAND", "Borland"},
	{12, "IMAGE_DEBUG_TYPE_VC_FEATURE", "VC feature"},
	{13, "IMAGE_DEBUG_TYPE_POGO", "POGO"},
	{14, "IMAGE_DEBUG_TYPE_ILTCG", "ILTCG"},
	{debugRepro, "IMAGE_DEBUG_TYPE_REPRO", "reproducible"},
	{20, "IMAGE_DEBUG_TYPE_EX_DLLCHARACTERISTICS", "more DLL characteristics"},
}

// peTime is a time stamp for people.
func peTime(v uint64) string {
	if v == 0 || v >= 0xffffffff {
		return ""
	}
	return time.Unix(int64(v), 0).UTC().Format(time.RFC3339)
}
