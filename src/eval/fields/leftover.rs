//! Options that nobody has a use for, and the end of decoding a block: options and blocks that nobody asked for.

use super::Fields;
use super::written::Braces;
use crate::diagnostic::Diagnostic;
use crate::value::{Kind, Type};

/// Arguments by which the peer's core tells every component of the run. It takes them from templates too, where they
/// change nothing.
const CORE: [&str; 8] = [
    "packer_build_name",
    "packer_builder_type",
    "packer_core_version",
    "packer_debug",
    "packer_force",
    "packer_on_error",
    "packer_sensitive_variables",
    "packer_user_variables",
];

impl Fields<'_> {
    /// Options that exist in the peer and not here yet: an error that says why, never silence, where they ask for
    /// something.
    pub(crate) fn unsupported(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            if self.asks(name) {
                let summary = format!("option \"{name}\" of {} is not supported yet", self.owner);
                self.error_at(name, summary, why);
            }
        }
    }

    /// Options that have no use as things are: a warning that says why, where they ask for something.
    pub(crate) fn unused(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            if self.asks(name) {
                let warning = Diagnostic::warning(format!("\"{name}\" has no effect")).at_some(self.span_of(name));
                self.push(warning.detail(why));
            }
        }
    }

    /// Takes an option of any type and tells whether it asks for something. Templates that set every option to a
    /// variable ask for nothing by null, `""`, 0, false or what is empty.
    pub(crate) fn asks(&mut self, name: &'static str) -> bool {
        let value = self.take(name, &Type::Any, Braces::Rendered);
        value.is_some_and(|value| match &value.kind {
            Kind::String(text) => !text.is_empty(),
            Kind::Number(number) => !number.is_zero(),
            Kind::Bool(flag) => *flag,
            Kind::Null(_) => false,
            Kind::Unknown(_) => true,
            _ => value.children().next().is_some(),
        })
    }

    /// Reports options and blocks that nobody asked for. Whether all went well since these fields were made.
    pub(crate) fn finish(mut self) -> bool {
        for (name, attr) in std::mem::take(&mut self.body.attrs) {
            if self.is_core(&name) {
                let warning = Diagnostic::warning(format!("\"{name}\" has no effect")).at(attr.name_span);
                self.push(warning.detail("names that begin with packer_ are Packer's own").help("leave it out"));
                continue;
            }
            let mut diagnostic = Diagnostic::error(format!("unknown option \"{name}\"")).at(attr.name_span);
            diagnostic = match self.known_blocks.iter().any(|kind| *kind == name) {
                true => diagnostic
                    .detail("this is a block")
                    .help(format!("write it without the equals sign: {name} {{ ... }}")),
                false => diagnostic
                    .detail(format!("not an option of {}", self.owner))
                    .suggest(&name, self.known.iter().chain(&self.known_blocks).copied()),
            };
            self.push(diagnostic);
        }
        for block in std::mem::take(&mut self.body.blocks) {
            let mut diagnostic = Diagnostic::error(format!("unknown block \"{}\"", block.kind)).at(block.span);
            diagnostic = match self.known.iter().any(|name| *name == block.kind) {
                true => diagnostic
                    .detail("this is an option")
                    .help(format!("write it with an equals sign: {} = ...", block.kind)),
                false => diagnostic
                    .detail(format!("not a block of {}", self.owner))
                    .suggest(&block.kind, self.known_blocks.iter().chain(&self.known).copied()),
            };
            self.push(diagnostic);
        }
        self.diagnostics.error_count() == self.errors_before
    }

    /// The old format takes any name with that beginning, the language those that there are.
    fn is_core(&self, name: &str) -> bool {
        let any = self.interpolation.legacy.is_some() && name.starts_with("packer_");
        !self.nested && (any || CORE.contains(&name))
    }
}
