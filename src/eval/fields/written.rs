//! From what is written for an option to a value of the type that is asked for.

use std::collections::BTreeMap;

use super::{Fields, UNKNOWN};
use crate::diagnostic::Diagnostic;
use crate::eval::interpolate::{Data, InterpolateError};
use crate::value::{Kind, Type, Value, convert, loosely};

/// What happens to the `{{ }}` of an option when it is decoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Braces<'d> {
    Rendered,
    /// The component renders them when it runs, and these are the fields that they will see; nothing when nobody knows
    /// them.
    Later(Option<&'d Data>),
}

impl Fields<'_> {
    /// The value converted to `ty`; nothing when absent or null, and after a reported mistake.
    pub(super) fn take(&mut self, name: &'static str, ty: &Type, braces: Braces<'_>) -> Option<Value> {
        let written = self.written(name, braces)?;
        self.converted(name, &written, ty, braces)
    }

    /// The value as it is written. What `{{ }}` gives is of any type in the old format, so there it is rendered first.
    pub(super) fn written(&mut self, name: &'static str, braces: Braces<'_>) -> Option<Value> {
        self.known.push(name);
        let attr = self.body.attrs.shift_remove(name)?;
        if attr.value.is_null() {
            return None;
        }
        self.spans.insert(name, attr.value_span);
        let legacy = self.interpolation.legacy.is_some();
        let written = match legacy {
            true => self.rendered(name, &attr.value, braces)?,
            false => attr.value,
        };
        if !written.is_wholly_known() || (legacy && holds_unknown(&written)) {
            self.unknown.push(name);
        }
        Some(written)
    }

    pub(super) fn converted(
        &mut self,
        name: &'static str,
        written: &Value,
        ty: &Type,
        braces: Braces<'_>,
    ) -> Option<Value> {
        let legacy = self.interpolation.legacy.is_some();
        match if legacy { loosely(written, ty) } else { convert(written, ty) } {
            Ok(value) if legacy => Some(value),
            Ok(value) => self.rendered(name, &value, braces),
            Err(error) => {
                self.error_at(name, format!("wrong type of \"{name}\""), error.to_string());
                None
            }
        }
    }

    /// The value with the `{{ }}` of all texts rendered, or only checked; nothing after a reported mistake.
    fn rendered(&mut self, name: &'static str, value: &Value, braces: Braces<'_>) -> Option<Value> {
        let mut first = None;
        let mut one = |text: &str| {
            let result = match braces {
                Braces::Rendered => self.interpolation.render(text, &Data::Map(BTreeMap::new())),
                Braces::Later(None) => self.interpolation.check(text).map(|()| text.to_owned()),
                Braces::Later(Some(seen)) => self.interpolation.check_against(text, seen).map(|()| text.to_owned()),
            };
            result.unwrap_or_else(|error| {
                first.get_or_insert(error);
                text.to_owned()
            })
        };
        let rendered = value.with_texts(&mut one);
        // Names are rendered with their values, later.
        if let (Braces::Later(_), Kind::Object(entries) | Kind::Map(_, entries)) = (braces, &value.kind) {
            entries.keys().for_each(|key| drop(one(key)));
        }
        match first {
            None => Some(rendered),
            Some(error) => {
                self.interpolate_error(name, error);
                None
            }
        }
    }

    fn interpolate_error(&mut self, name: &'static str, error: InterpolateError) {
        let span = self.spans.get(name).copied().unwrap_or(self.body.span);
        let summary = format!("the {{{{ }}}} in \"{name}\" cannot be rendered");
        let mut diagnostic = Diagnostic::error(summary).at(span).detail(error.message);
        diagnostic.help = error.help;
        self.push(diagnostic);
    }
}

/// Whether a part of the value stands for what is not known yet.
fn holds_unknown(value: &Value) -> bool {
    let mut texts = Vec::new();
    value.texts(&mut texts);
    texts.iter().any(|text| text.contains(UNKNOWN))
}
