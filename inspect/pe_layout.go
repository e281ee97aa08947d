package inspect

import (
	"strings"
	"sync"

	"github.com/outwork-go/outwork/layout"
)

// The indices of the directories that are read.
const (
	dirExport      = 0
	dirImport      = 1
	dirResource    = 2
	dirSecurity    = 4
	dirDebug       = 6
	dirDelayImport = 13
	dirCLR         = 14
	dirCount       = 16
)

var dirNames = [dirCount]string{
	"Export", "Import", "Resource", "Exception", "Security", "BaseReloc", "Debug", "Architecture",
	"GlobalPtr", "TLS", "LoadConfig", "BoundImport", "IAT", "DelayImport", "COMDescriptor", "Reserved",
}

// peLayouts are the structures of a PE.
type peLayouts struct {
	dos, file, optional32, optional64, section *layout.Struct
	directories                                [dirCount + 1]*layout.Struct // by how many there are
	imports, delay, exports, debug             *layout.Struct
	pdb70, pdb20                               *layout.Struct
}

// peStructs makes them when they are first used: most processes that link this package
// never do.
var peStructs = sync.OnceValue(func() *peLayouts {
	l := &peLayouts{
		dos: layout.Must("IMAGE_DOS_HEADER", `
			e_magic    char[2]
			e_cblp     u16
			e_cp       u16
			e_crlc     u16
			e_cparhdr  u16
			e_minalloc u16
			e_maxalloc u16
			e_ss       u16
			e_sp       u16
			e_csum     u16
			e_ip       u16
			e_cs       u16
			e_lfarlc   u16
			e_ovno     u16
			e_res      bytes[8]
			e_oemid    u16
			e_oeminfo  u16
			e_res2     bytes[20]
			e_lfanew   u32`),
		file: layout.Must("IMAGE_FILE_HEADER", `
			Machine              u16
			NumberOfSections     u16
			TimeDateStamp        u32
			PointerToSymbolTable u32
			NumberOfSymbols      u32
			SizeOfOptionalHeader u16
			Characteristics      u16`).
			Note("Machine", peMachines).Note("TimeDateStamp", layout.NoteFunc(peTime)).Note("Characteristics", fileFlags),
		optional32: optionalHeader("IMAGE_OPTIONAL_HEADER32", "BaseOfData u32\nImageBase u32", "u32"),
		optional64: optionalHeader("IMAGE_OPTIONAL_HEADER64", "ImageBase u64", "u64"),
		section: layout.Must("IMAGE_SECTION_HEADER", `
			Name                 char[8]
			VirtualSize          u32
			VirtualAddress       u32
			SizeOfRawData        u32
			PointerToRawData     u32
			PointerToRelocations u32
			PointerToLinenumbers u32
			NumberOfRelocations  u16
			NumberOfLinenumbers  u16
			Characteristics      u32`).Note("Characteristics", sectionFlags),
		imports: layout.Must("IMAGE_IMPORT_DESCRIPTOR", `
			OriginalFirstThunk u32
			TimeDateStamp      u32
			ForwarderChain     u32
			Name               u32
			FirstThunk         u32`).Note("TimeDateStamp", layout.NoteFunc(peTime)),
		delay: layout.Must("IMAGE_DELAYLOAD_DESCRIPTOR", `
			Attributes                 u32
			DllNameRVA                 u32
			ModuleHandleRVA            u32
			ImportAddressTableRVA      u32
			ImportNameTableRVA         u32
			BoundImportAddressTableRVA u32
			UnloadInformationTableRVA  u32
			TimeDateStamp              u32`).
			Note("Attributes", layout.Flags{{Mask: 1, Name: "RVA_BASED"}}).Note("TimeDateStamp", layout.NoteFunc(peTime)),
		exports: layout.Must("IMAGE_EXPORT_DIRECTORY", `
			Characteristics       u32
			TimeDateStamp         u32
			MajorVersion          u16
			MinorVersion          u16
			Name                  u32
			Base                  u32
			NumberOfFunctions     u32
			NumberOfNames         u32
			AddressOfFunctions    u32
			AddressOfNames        u32
			AddressOfNameOrdinals u32`).Note("TimeDateStamp", layout.NoteFunc(peTime)),
		debug: layout.Must("IMAGE_DEBUG_DIRECTORY", `
			Characteristics  u32
			TimeDateStamp    u32
			MajorVersion     u16
			MinorVersion     u16
			Type             u32
			SizeOfData       u32
			AddressOfRawData u32
			PointerToRawData u32`).Note("Type", debugTypes).Note("TimeDateStamp", layout.NoteFunc(peTime)),
		pdb70: layout.Must("CV_INFO_PDB70", "Signature char[4]\nGuid bytes[16]\nAge u32"),
		pdb20: layout.Must("CV_INFO_PDB20", "Signature char[4]\nOffset u32\nTimeDateStamp u32\nAge u32"),
	}
	directory := layout.Must("IMAGE_DATA_DIRECTORY", "VirtualAddress u32\nSize u32")
	for n := range l.directories {
		var text strings.Builder
		for _, name := range dirNames[:n] {
			text.WriteString(name + " IMAGE_DATA_DIRECTORY\n")
		}
		l.directories[n] = layout.Must("DataDirectory", text.String(), directory)
	}
	return l
})

// optionalHeader is the header with what differs between the two word sizes.
func optionalHeader(name, base, word string) *layout.Struct {
	return layout.Must(name, `
		Magic                       u16
		MajorLinkerVersion          u8
		MinorLinkerVersion          u8
		SizeOfCode                  u32
		SizeOfInitializedData       u32
		SizeOfUninitializedData     u32
		AddressOfEntryPoint         u32
		BaseOfCode                  u32
		`+base+`
		SectionAlignment            u32
		FileAlignment               u32
		MajorOperatingSystemVersion u16
		MinorOperatingSystemVersion u16
		MajorImageVersion           u16
		MinorImageVersion           u16
		MajorSubsystemVersion       u16
		MinorSubsystemVersion       u16
		Win32VersionValue           u32
		SizeOfImage                 u32
		SizeOfHeaders               u32
		CheckSum                    u32
		Subsystem                   u16
		DllCharacteristics          u16
		SizeOfStackReserve          `+word+`
		SizeOfStackCommit           `+word+`
		SizeOfHeapReserve           `+word+`
		SizeOfHeapCommit            `+word+`
		LoaderFlags                 u32
		NumberOfRvaAndSizes         u32`).
		Note("Magic", constants{{magic32, "IMAGE_NT_OPTIONAL_HDR32_MAGIC", ""}, {magic64, "IMAGE_NT_OPTIONAL_HDR64_MAGIC", ""}}).
		Note("Subsystem", peSubsystems).Note("DllCharacteristics", dllFlags)
}
