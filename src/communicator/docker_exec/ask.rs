//! A question to a container: one exec, whose output nobody sees.

use futures_util::StreamExt;

use super::{DockerExec, KILL_LIMIT, shell};
use crate::client::docker::Exec;
use crate::communicator::{Answer, CommunicatorError, Cut, Question};
use crate::run::BuildContext;
use crate::run::event::Stream;

impl DockerExec {
    pub(super) async fn put_question(
        &self,
        question: &Question<'_>,
        cx: &BuildContext,
    ) -> Result<Answer, CommunicatorError> {
        let _turn = cx.cancel.unless_stopped(self.turn.lock()).await?;
        let mark = self.mark();
        let words = [question.words, &[&mark]].concat();
        // A terminal would change line ends.
        let exec = Exec { tty: false, ..self.exec_of(shell(question.script, &words), None) };
        let mut answer = Answer::default();
        let work = async {
            let mut running = self.docker.exec(&self.options.container, exec).await?;
            while let Some(piece) = running.output.next().await {
                let piece = piece?;
                if piece.stream == Stream::Stdout && !answer.take(&piece.bytes, question.longest) {
                    break;
                }
            }
            Ok::<(), CommunicatorError>(())
        };
        let done = cx.cancel.unless_stopped(tokio::time::timeout(question.patience, work)).await;
        match &done {
            Ok(Err(_)) => answer.cut = Some(Cut::TooLate),
            Ok(Ok(Ok(()))) if answer.cut.is_none() => return Ok(answer),
            _ => {}
        }
        let _ = tokio::time::timeout(KILL_LIMIT, cx.cancel.unless_killed(self.kill(&mark))).await;
        if let Ok(ended) = done? {
            ended?;
        }
        Ok(answer)
    }
}
