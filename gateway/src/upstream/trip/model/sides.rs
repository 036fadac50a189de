//! What those who ask do, and what the backend does for one of them.

use super::*;

impl World {
    pub(super) fn sends(&mut self, number: usize, kind: Kind, script_number: usize) {
        self.asked += 1;
        let (id, fed) = (self.asked, Fed::default());
        let (framing, body, length) = match kind {
            Kind::Whole(length) => (format!("content-length: {length}"), vec![b'w'; length], None),
            Kind::Told => (format!("content-length: {TOLD}"), Vec::new(), Some(TOLD as u64)),
            Kind::Chunked => ("transfer-encoding: chunked".to_owned(), Vec::new(), None),
        };
        let asked = [format!("POST /{id} HTTP/1.1\r\n{framing}\r\n\r\n").into_bytes(), body].concat();
        let ended = matches!(kind, Kind::Whole(_));
        let rest = Streamed { body: fed.clone(), length, most: 1 << 20, passes: |_| true };
        let rest = (!ended).then_some(rest);
        let trip = self.upstream.send(Method::POST, asked.clone(), HeaderMap::new(), rest);
        let connection = match &trip.way {
            Way::Open(stream) => Some(self.backend.take(stream, number)),
            Way::Dialing(_) => None,
            Way::Closed | Way::Down => panic!("there is nothing to close, and everything can be reached"),
        };
        let (waker, wakes) = Wakes::new();
        self.wakes.push(wakes.clone());
        self.tasks[number] = Some(Task {
            waker,
            wakes,
            seen: None,
            work: Work::Trip(Box::new(trip)),
            fed,
            kind,
            asked,
            ended,
            bad: false,
            script: script(script_number, id),
            said: 0,
            early: false,
            connection,
            due: self.now + Ticks::of(HEAD_TIMEOUT).count(),
            taken: Vec::new(),
        });
    }

    pub(super) fn feeds(&mut self, number: usize, bytes: usize) {
        let Some(task) = self.tasks[number].as_mut().filter(|task| task.is_open()) else { return };
        let data = vec![b'b'; bytes];
        match task.kind {
            Kind::Chunked => write_chunk(&data, &mut task.asked),
            Kind::Told if task.told() + bytes > TOLD => (task.ended, task.bad) = (true, true),
            Kind::Told => task.asked.extend_from_slice(&data),
            Kind::Whole(_) => {}
        }
        task.fed.push(Some(Ok(Frame::data(data.into()))));
    }

    pub(super) fn ends(&mut self, number: usize) {
        let Some(task) = self.tasks[number].as_mut().filter(|task| task.is_open()) else { return };
        task.ended = true;
        match task.kind {
            Kind::Chunked => write_last_chunk(&HeaderMap::new(), |_| true, &mut task.asked),
            Kind::Told => task.bad = task.told() < TOLD,
            Kind::Whole(_) => {}
        }
        task.fed.push(None);
    }

    pub(super) fn says(&mut self, number: usize, bytes: usize) {
        let Some(task) = &mut self.tasks[number] else { return };
        let Some(connection) = task.connection else { return };
        let asked = task.ended && task.fed.left() == 0 && self.backend.unread(connection, &task.asked) == 0;
        task.early |= !asked;
        let left = &task.script.text[task.said..];
        let piece = &left[..bytes.min(left.len())];
        if self.backend.says(connection, piece) {
            task.said += piece.len();
        }
    }

    pub(super) fn reads(&mut self, number: usize, bytes: usize) {
        let Some(task) = &self.tasks[number] else { return };
        task.connection.into_iter().for_each(|connection| self.backend.reads(connection, &task.asked, bytes));
    }
}
