//! What can be said of an image, and of all images under `defaults`.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::event::Policy;
use super::publish::Publish;
use super::{Image, Span};

/// A path and where it was written.
pub(super) type Placed = (PathBuf, Span);

/// The keys of one image, or of `defaults`.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub template: Option<Placed>,
    pub vars: IndexMap<String, String>,
    pub var_files: Option<Vec<Placed>>,
    pub only: Option<Vec<String>>,
    pub except: Option<Vec<String>>,
    pub runs_on: Option<serde_json::Value>,
    pub on: Policy,
    pub publish: Publish,
}

impl Settings {
    /// The image that these make. Mappings are joined key by key, everything else of the image replaces what
    /// `defaults` says. Without a template there is none.
    pub(super) fn image(self, (name, span): (String, Span), defaults: &Self) -> Option<Image> {
        let template = self.template?;
        let mut vars = defaults.vars.clone();
        vars.extend(self.vars);
        let var_files = self.var_files.or_else(|| defaults.var_files.clone()).unwrap_or_default();
        Some(Image {
            name,
            span,
            template: template.0.clone(),
            vars: vars.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
            var_files: var_files.iter().map(|(path, _)| path.clone()).collect(),
            only: self.only.or_else(|| defaults.only.clone()).unwrap_or_default(),
            except: self.except.or_else(|| defaults.except.clone()).unwrap_or_default(),
            runs_on: self.runs_on.or_else(|| defaults.runs_on.clone()),
            on: self.on.over(&defaults.on),
            publish: self.publish.over(&defaults.publish),
            places: std::iter::once(template).chain(var_files).collect(),
        })
    }
}
