//! stub
use crate::run::event::*;
#[derive(Default)]
pub(crate) struct RunView;
pub(crate) trait Reporter {}
pub(crate) struct ConsoleOptions {
    pub machine_readable: bool,
    pub timestamps: bool,
    pub colour: bool,
    pub terminal: bool,
    pub actions: bool,
}
pub(crate) struct C;
impl Reporter for C {}
pub(crate) fn console(_: &ConsoleOptions) -> Box<dyn Reporter + Send> {
    Box::new(C)
}
pub(crate) async fn run(mut r: EventReceiver, _: Vec<Box<dyn Reporter + Send>>) -> RunView {
    while r.next().await.is_some() {}
    RunView
}
