//! The template as written: its blocks with expressions unevaluated, every node with its place.
//!
//! `load` reads files into a [`Template`]; `variables` finds the values of its variables; `resolve` and `plan` take
//! it from there. Names and shapes of top-level blocks are checked here, expressions are not touched.

pub(crate) mod decode;
mod heredoc;
mod json;
mod legacy;
mod load;
mod packer_block;
mod repeated;
pub(crate) mod syntax;
mod unclosed;
pub(crate) mod variable_files;
pub(crate) mod variables;
mod version;

use std::path::PathBuf;
use std::sync::Arc;

use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;

pub(crate) use legacy::{Legacy, check as check_legacy, without_builders};
pub(crate) use load::{Input, load, parse, read as read_file};

use crate::diagnostic::{FileId, Span};
use crate::value::Type;

/// The version of the peer whose language and behaviour this is: `packer.version`, `required_version`.
pub(crate) const PEER_VERSION: &str = "1.16.0";

/// An expression and the file it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub file: FileId,
    pub node: Expression,
    pub span: Span,
}

/// All blocks of all files of a template.
#[derive(Debug, Default)]
pub(crate) struct Template {
    /// `path.root`: the folder as typed, `.` for a file in the working directory.
    pub root: PathBuf,
    pub plugins: Vec<Plugin>,
    pub variables: Vec<Variable>,
    pub locals: Vec<Local>,
    pub data: Vec<Data>,
    pub sources: Vec<Source>,
    pub builds: Vec<Build>,
    /// Only in templates of the old JSON format.
    pub legacy: Option<Legacy>,
}

/// A line of `required_plugins {}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    pub name: String,
    /// A version constraint.
    pub version: String,
    /// `host/namespace/name`
    pub source: String,
    pub span: Span,
}

/// `variable "name" {}` or a line of `variables {}`.
#[derive(Debug)]
pub(crate) struct Variable {
    pub name: String,
    pub span: Span,
    pub ty: Option<Type>,
    pub default: Option<Expr>,
    pub sensitive: bool,
    pub validations: Vec<Validation>,
}

/// `validation {}` of a variable.
#[derive(Debug)]
pub(crate) struct Validation {
    pub condition: Expr,
    pub error_message: Expr,
}

/// A line of `locals {}` or `local "name" {}`.
#[derive(Debug)]
pub(crate) struct Local {
    pub name: String,
    pub span: Span,
    pub value: Expr,
    pub sensitive: bool,
}

/// `data "type" "name" {}`: the data source's options.
#[derive(Debug)]
pub(crate) struct Data {
    pub kind: String,
    pub name: String,
    /// Block type and labels.
    pub span: Span,
    /// The first label: where an unknown type is reported.
    pub kind_span: Span,
    pub body: Arc<Body>,
}

/// `source "type" "name" {}`: the builder's options.
#[derive(Debug)]
pub(crate) struct Source {
    pub kind: String,
    pub name: String,
    /// Block type and labels.
    pub span: Span,
    /// The first label: where an unknown builder is reported.
    pub kind_span: Span,
    pub body: Arc<Body>,
}

/// `build {}`. Its blocks may come from `dynamic`, so they are looked at when the scope is known.
#[derive(Debug)]
pub(crate) struct Build {
    pub span: Span,
    pub file: FileId,
    pub body: Arc<Body>,
}
