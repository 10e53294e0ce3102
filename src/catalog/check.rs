//! Components that are not built here: their options are checked by the tables, then they are refused.

use super::{Options, Role, find, names};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, nearest};
use crate::eval::block::Body;
use crate::eval::fields::Fields;
use crate::eval::interpolate::Interpolation;

impl Role {
    /// What messages call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Data => "data source",
            other => other.word(),
        }
    }
}

/// Reports a component that is in none of our own tables, `built` being the names in them: as known to Packer and not
/// supported yet, with every mistake in its options, or as unknown.
pub(crate) fn refuse(
    (role, name, place): (Role, &str, Span),
    options: Body,
    built: &[&'static str],
    interpolation: &Interpolation,
    diagnostics: &mut Diagnostics,
) {
    let title = role.title();
    let Some(component) = find(role, name) else {
        let diagnostic = Diagnostic::error(format!("unsupported {title} \"{name}\"")).at(place);
        let known = names(role);
        diagnostics.push(match nearest(name, built.iter().chain(&known).copied()) {
            Some(near) => diagnostic.help(format!("did you mean \"{near}\"?")),
            None => diagnostic
                .detail("forge does not know it, so its options are not checked")
                .help(format!("there are: {}", built.join(", "))),
        });
        diagnostics.unsupported(format!("{title} \"{name}\""));
        return;
    };
    let mut fields = Fields::new(format!("{title} \"{name}\""), options, interpolation, diagnostics);
    accept(&mut fields, &component.options);
    fields.finish();
    let diagnostic = Diagnostic::error(format!("{title} \"{name}\" is not supported by forge yet")).at(place);
    let plugin = match component.plugin {
        "core" => "it is a component of Packer itself".to_owned(),
        plugin => format!("it is a component of the {plugin} plugin"),
    };
    diagnostics.push(diagnostic.detail(plugin));
    diagnostics.unsupported(format!("{title} \"{name}\""));
}

fn accept(fields: &mut Fields<'_>, options: &'static Options) {
    for (name, ty) in &options.attributes {
        fields.accept(name, ty);
    }
    for (kind, nested) in &options.blocks {
        let blocks = fields.blocks(kind);
        if let [_, second, ..] = &blocks[..]
            && !nested.repeated
        {
            let diagnostic = Diagnostic::error(format!("block \"{kind}\" may stand once only")).at(second.span);
            fields.push(diagnostic);
        }
        for block in blocks {
            let mut inner = fields.nested(block);
            accept(&mut inner, &nested.options);
            inner.finish();
        }
    }
}
