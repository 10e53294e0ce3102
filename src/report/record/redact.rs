//! A record without what may be a secret, although nobody said that it is one: GitHub shows to many what a log shows to
//! few, and the runner's masks end at the log.

use super::{Build, Record, Step};
use crate::secret::Redactor;

impl Record {
    /// Hides what stands in texts. Names of builds, images and places stay as they are: whoever reads the record finds
    /// things by them, and they are known to whoever sees the things.
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        let hide = |text: &mut String| *text = redactor.redact(text);
        self.builds.iter_mut().for_each(|build| build.redact(redactor));
        for note in &mut self.notes {
            hide(&mut note.summary);
            note.detail.iter_mut().for_each(hide);
        }
        self.leftovers.iter_mut().for_each(|left| hide(&mut left.error));
    }
}

impl Build {
    fn redact(&mut self, redactor: &Redactor) {
        for input in &mut self.inputs {
            let Some(value) = &mut input.value else { continue };
            let told = redactor.redact(value);
            if told != *value {
                // Whoever knows the rest of a value could guess a short secret by it.
                input.digest = None;
                *value = told;
            }
        }
        let texts = self.error.iter_mut().chain(&mut self.tail).chain(&mut self.unknown_inputs);
        texts.for_each(|text| *text = redactor.redact(text));
        self.steps.iter_mut().for_each(|step| step.redact(redactor));
        // Only this part is written by people: what packages and users are called is no secret of theirs.
        if let Some(image) = self.inventory.as_mut().and_then(|inventory| inventory.image.as_mut()) {
            image.redact(redactor);
        }
    }
}

impl Step {
    fn redact(&mut self, redactor: &Redactor) {
        let texts = self.name.iter_mut().chain(&mut self.error).chain(&mut self.tail);
        texts.for_each(|text| *text = redactor.redact(text));
    }
}
