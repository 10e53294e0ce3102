//! stub
use crate::value::Value;
use std::path::{Path, PathBuf};
#[derive(Debug, Clone)]
pub(crate) struct FunctionContext {
    pub root: PathBuf,
    pub cwd: PathBuf,
    pub started: std::time::SystemTime,
    pub in_template: bool,
}
impl FunctionContext {
    pub(crate) fn detached() -> Self {
        Self {
            root: PathBuf::new(),
            cwd: PathBuf::new(),
            started: std::time::SystemTime::UNIX_EPOCH,
            in_template: false,
        }
    }
    pub(crate) fn inside_template(&self) -> Self {
        Self { in_template: true, ..self.clone() }
    }
    pub(crate) fn read_text(&self, path: &Path, _largest: u64) -> Result<String, String> {
        std::fs::read_to_string(self.root.join(path)).map_err(|e| e.to_string())
    }
}
pub(crate) struct FunctionError {
    pub argument: Option<usize>,
    pub message: String,
}
pub(crate) fn call(_: &str, _: &[Value], _: &FunctionContext) -> Option<Result<Value, FunctionError>> {
    None
}
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}
