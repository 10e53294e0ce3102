//! A question to a machine: one command on a channel of its own, whose output nobody sees.

use super::reading::Mark;
use super::{ABANDON, Ssh};
use crate::client::ssh::{Piece, Running, quoted};
use crate::communicator::{Answer, CommunicatorError, Cut, Question};

impl Ssh {
    pub(super) async fn put_question(&self, question: &Question<'_>) -> Result<Answer, CommunicatorError> {
        let mut mark = Mark::new();
        // The user's own shell may be any.
        let mut command = format!("{}; /bin/sh -c {} /bin/sh", mark.command(), quoted(question.script));
        for word in question.words {
            command.push(' ');
            command.push_str(&quoted(word));
        }
        let mut answer = Answer::default();
        let Ok(begun) = tokio::time::timeout(question.patience, self.begin(&command, false)).await else {
            return Ok(Answer { cut: Some(Cut::TooLate), ..answer });
        };
        let Running { input, mut output } = begun?;
        let work = async {
            let _ = input.end().await;
            while let Some(piece) = output.next().await {
                if let Piece::Out(bytes) = piece
                    && !answer.take(&mark.strip(bytes), question.longest)
                {
                    break;
                }
            }
        };
        if tokio::time::timeout(question.patience, work).await.is_err() {
            answer.cut = Some(Cut::TooLate);
        }
        if answer.cut.is_some() {
            let _ = tokio::time::timeout(ABANDON, input.abandon()).await;
        }
        Ok(answer)
    }
}
