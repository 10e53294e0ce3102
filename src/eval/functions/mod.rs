//! stub
pub(crate) struct FunctionContext {
    pub root: std::path::PathBuf,
    pub cwd: std::path::PathBuf,
    pub started: std::time::SystemTime,
}
