//! What an entry's object is made of, held against the baseline's: a courtesy with good messages before the wall.
//!
//! An honest object has constructors (the C++ of the frozen shim and the standard library have some), exports and
//! imports; which ones depends on this machine's compilers. So the baseline's object, built here by the same recipe, is
//! the reference: an entry has its libraries and exports and no more, and as many constructors. Some things no object
//! may have, the baseline's neither.

use std::collections::BTreeSet;

use object::{
    Endianness, elf,
    read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _},
};
use records::{Finding, Rule, v1::build::ObjectForm};

/// Names of one sort that are kept, and characters of one.
const NAMES_MAX: usize = 256;
const NAME_CHARACTERS_MAX: usize = 200;

type File<'a> = ElfFile64<'a, Endianness>;

/// Reads an object; says why it is none where it cannot be read.
pub fn read(bytes: &[u8]) -> Result<ObjectForm, String> {
    let file = File::parse(bytes).map_err(|error| error.to_string())?;
    let header = file.elf_header();
    let endian = file.endian();
    let mut found = Found::default();
    if header.e_type(endian) != elf::ET_DYN || header.e_machine(endian) != elf::EM_X86_64 {
        found.fault("is no shared object for x86-64");
    }
    found.segments(&file);
    found.dynamic(&file, bytes)?;
    found.symbols(&file)?;
    found.resolvers(&file, bytes)?;
    Ok(found.0)
}

/// What no object may have.
#[must_use]
pub fn faults(form: &ObjectForm) -> Vec<Finding> {
    let finding = |fault: &String| Finding::new(Rule::ObjectForm, "the object").found(fault);
    form.faults.iter().map(finding).collect()
}

/// What an object has beyond the reference.
#[must_use]
pub fn beyond(form: &ObjectForm, reference: &ObjectForm) -> Vec<Finding> {
    let finding = |found: String| Finding::new(Rule::ObjectForm, "the object").found(found);
    let libraries = form.needed.difference(&reference.needed).map(|name| format!("the library `{name}`"));
    let symbols = form.exports.difference(&reference.exports).map(|name| format!("the symbol `{name}`"));
    let mut findings: Vec<_> = libraries.chain(symbols).map(finding).collect();
    if form.constructors > reference.constructors {
        let expected = format!("{}, as in the baseline's", reference.constructors);
        findings.push(finding(format!("{} constructors", form.constructors)).expected(expected));
    }
    findings
}

/// What has been found of an object so far.
#[derive(Default)]
struct Found(ObjectForm);

impl Found {
    /// Keeps a name that somebody else chose; a list that is too long is a fault, and is not kept.
    fn keep(&mut self, name: &[u8], list: fn(&mut ObjectForm) -> &mut BTreeSet<String>) {
        let name: String = String::from_utf8_lossy(name).chars().take(NAME_CHARACTERS_MAX).collect();
        if list(&mut self.0).len() < NAMES_MAX {
            list(&mut self.0).insert(name);
        } else {
            self.fault("has more names than an entry needs");
        }
    }

    fn fault(&mut self, what: &str) {
        self.0.faults.insert(what.to_owned());
    }

    fn segments(&mut self, file: &File<'_>) {
        let endian = file.endian();
        for segment in file.elf_program_headers() {
            let (kind, flags) = (segment.p_type(endian), segment.p_flags(endian));
            if flags & (elf::PF_W | elf::PF_X) == elf::PF_W | elf::PF_X {
                let what = if kind == elf::PT_GNU_STACK {
                    "asks for an executable stack"
                } else {
                    "has a segment that is writable and executable"
                };
                self.fault(what);
            }
            if kind == elf::PT_INTERP {
                self.fault("names an interpreter");
            }
        }
    }

    fn dynamic(&mut self, file: &File<'_>, bytes: &[u8]) -> Result<(), String> {
        let endian = file.endian();
        let text = |error: object::Error| error.to_string();
        let sections = file.elf_section_table();
        let Some((entries, link)) = sections.dynamic(endian, bytes).map_err(text)? else {
            self.fault("has no dynamic section");
            return Ok(());
        };
        let strings = sections.strings(endian, bytes, link).map_err(text)?;
        for entry in entries {
            let value = entry.d_val(endian);
            match entry.d_tag(endian) {
                elf::DT_NEEDED => {
                    let name = strings.get(u32::try_from(value).unwrap_or(u32::MAX));
                    let name = name.map_err(|()| "a library without a name".to_owned())?;
                    self.keep(name, |form| &mut form.needed);
                }
                elf::DT_INIT_ARRAYSZ | elf::DT_PREINIT_ARRAYSZ => self.0.constructors += value / 8,
                elf::DT_RPATH | elf::DT_RUNPATH => self.fault("names folders to look for libraries in"),
                elf::DT_TEXTREL => self.fault("changes its own code when it is loaded"),
                elf::DT_AUDIT | elf::DT_DEPAUDIT | elf::DT_FILTER | elf::DT_AUXILIARY => {
                    self.fault("asks for auditing or filtering libraries");
                }
                elf::DT_FLAGS if value & elf::DF_TEXTREL.0 != 0 => {
                    self.fault("changes its own code when it is loaded");
                }
                elf::DT_DEBUG => self.fault("asks for the loader's list of objects"),
                _ => {}
            }
        }
        Ok(())
    }

    fn symbols(&mut self, file: &File<'_>) -> Result<(), String> {
        let endian = file.endian();
        let table = file.elf_dynamic_symbol_table();
        for symbol in table.iter() {
            let hidden = matches!(symbol.st_visibility(), elf::STV_HIDDEN | elf::STV_INTERNAL);
            if symbol.st_type() == elf::STT_GNU_IFUNC {
                self.fault("has a function that is resolved by running code");
            }
            if symbol.is_definition(endian, table.strings()) && symbol.st_bind() != elf::STB_LOCAL && !hidden {
                let name = symbol.name(endian, table.strings()).map_err(|error| error.to_string())?;
                self.keep(name, |form| &mut form.exports);
            }
        }
        Ok(())
    }

    /// Relocations that run code while the object is loaded.
    fn resolvers(&mut self, file: &File<'_>, bytes: &[u8]) -> Result<(), String> {
        let endian = file.endian();
        for section in file.elf_section_table().iter() {
            let text = |error: object::Error| error.to_string();
            let Some((relocations, _)) =
                <elf::SectionHeader64<Endianness> as object::read::elf::SectionHeader>::rela(section, endian, bytes)
                    .map_err(text)?
            else {
                continue;
            };
            if section.sh_flags(endian).0 & elf::SHF_ALLOC.0 == 0 {
                continue;
            }
            if relocations.iter().any(|relocation| relocation.r_type(endian, false) == elf::R_X86_64_IRELATIVE) {
                self.fault("has a relocation that is resolved by running code");
            }
        }
        Ok(())
    }
}
