//! Heredocs as written: the parser takes the indent off `<<-` by a rule of its own, so their text is put back, and the
//! evaluator takes it off by the language's.

use hcl_edit::Span as _;
use hcl_edit::structure::Body;
use hcl_edit::template::{Element, HeredocTemplate};
use hcl_edit::visit_mut::{VisitMut, visit_heredoc_template_mut};

/// Puts back the text of every `<<-` heredoc of a body that was parsed from `text`. Those have an indent from then on,
/// others have none.
pub(super) fn restore(body: &mut Body, text: &str) {
    Restore { text }.visit_body_mut(body);
}

struct Restore<'t> {
    text: &'t str,
}

impl VisitMut for Restore<'_> {
    fn visit_heredoc_template_mut(&mut self, node: &mut HeredocTemplate) {
        let written = node.span().and_then(|span| self.text.get(span)).unwrap_or_default();
        if written.starts_with("<<-") {
            for element in &mut node.template {
                if let Element::Literal(literal) = element
                    && let Some(raw) = literal.span().and_then(|span| self.text.get(span))
                {
                    *literal.as_mut() = raw.replace("$${", "${").replace("%%{", "%{");
                }
            }
            node.set_indent(0);
        }
        visit_heredoc_template_mut(self, node);
    }
}
