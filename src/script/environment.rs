//! Environment variables of a script: where they come from and how they are written for the shell.

use std::collections::BTreeMap;

use crate::eval::fields::Fields;
use crate::run::BuildContext;

/// The variables of `environment_vars` and `env`; the latter win.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let mut variables = BTreeMap::new();
        let mut good = true;
        for pair in fields.texts("environment_vars").unwrap_or_default() {
            match pair.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    variables.insert(name.to_owned(), value.to_owned());
                }
                _ if fields.is_unknown("environment_vars") => {}
                _ => {
                    good = false;
                    let summary = format!("\"{pair}\" is not an environment variable");
                    fields.error_at("environment_vars", summary, "write each as \"NAME=value\"");
                }
            }
        }
        for (name, value) in fields.text_map("env").unwrap_or_default() {
            if name.is_empty() || name.contains('=') {
                good = false;
                fields.error_at("env", format!("\"{name}\" is not a variable's name"), "it is empty or holds a \"=\"");
            }
            variables.insert(name, value);
        }
        good.then_some(Self { variables })
    }

    /// All variables in the order of their names, each written as `format` says, those of the build included.
    pub(crate) fn written(&self, format: &VariableFormat, cx: &BuildContext) -> String {
        let mut all = BTreeMap::from([
            ("PACKER_BUILD_NAME", cx.source_name.as_str()),
            ("PACKER_BUILDER_TYPE", cx.builder_type.as_str()),
        ]);
        all.extend(self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        all.into_iter().map(|(name, value)| format.write(name, value)).collect()
    }
}

/// `env_var_format`: a text with a `%s` for the name and one for the value, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableFormat {
    before: String,
    between: String,
    after: String,
}

impl VariableFormat {
    /// `NAME='value' `, to stand before a command.
    pub(crate) fn prefix() -> Self {
        Self::of("", "='", "' ")
    }

    /// `export NAME='value'`, a line of a file that a shell reads.
    pub(crate) fn export() -> Self {
        Self::of("export ", "='", "'\n")
    }

    /// `set NAME=value && `, for cmd.
    pub(crate) fn batch() -> Self {
        Self::of("set ", "=", " && ")
    }

    fn of(before: &str, between: &str, after: &str) -> Self {
        Self { before: before.to_owned(), between: between.to_owned(), after: after.to_owned() }
    }

    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let text = fields.text("env_var_format").filter(|text| !text.is_empty())?;
        let format = Self::parse(&text);
        if format.is_none() && !fields.is_unknown("env_var_format") {
            let detail = "it needs one %s for the name and one for the value; a percent sign is written %%";
            fields.error_at("env_var_format", format!("\"{text}\" is not a format"), detail);
        }
        format
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = vec![String::new()];
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            parts.last_mut()?.push_str(&rest[..at]);
            match rest.as_bytes().get(at + 1) {
                Some(b'%') => parts.last_mut()?.push('%'),
                Some(b's' | b'v') => parts.push(String::new()),
                _ => return None,
            }
            rest = &rest[at + 2..];
        }
        parts.last_mut()?.push_str(rest);
        match &parts[..] {
            [before, between, after] => Some(Self::of(before, between, after)),
            _ => None,
        }
    }

    /// Single quotes in the value are written so that they hold inside the single quotes of the usual formats.
    fn write(&self, name: &str, value: &str) -> String {
        let Self { before, between, after } = self;
        format!("{before}{name}{between}{}{after}", value.replace('\'', r#"'"'"'"#))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_hold_a_name_and_a_value() {
        let format = VariableFormat::parse("export %s=\"%s\"; # 100%%\n").unwrap();
        assert_eq!(format.write("A", "b c"), "export A=\"b c\"; # 100%\n");
        assert_eq!(VariableFormat::parse("%s='%s' ").unwrap(), VariableFormat::prefix());
        for bad in ["%s", "%s %s %s", "%d=%s", "%s=%s%"] {
            assert_eq!(VariableFormat::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn quotes_survive_the_shell() {
        assert_eq!(VariableFormat::prefix().write("A", "it's"), r#"A='it'"'"'s' "#);
        assert_eq!(VariableFormat::export().write("A", "x"), "export A='x'\n");
    }
}
