//! Figures by their names, and the table of them.

use e2e::Backend;

/// Which of two figures is the better one.
#[derive(Clone, Copy)]
pub(crate) enum Better {
    More,
    Less,
}

use Better::{Less, More};

/// Rows in the order in which they were first measured.
#[derive(Default)]
pub(crate) struct Figures(Vec<Row>);

struct Row {
    name: String,
    unit: &'static str,
    better: Better,
    /// Ours and theirs.
    values: [Vec<f64>; 2],
}

/// Where the figures of one server go.
pub(crate) struct Column<'a> {
    figures: &'a mut Figures,
    /// 0 for ours, 1 for theirs.
    number: usize,
    /// Whether they count: the first round warms caches.
    counts: bool,
}

impl Figures {
    pub(crate) fn column(&mut self, number: usize, counts: bool) -> Column<'_> {
        Column { figures: self, number, counts }
    }

    /// Prints a Markdown table. A ratio above 1 means that ours is better.
    pub(crate) fn print(&self, [ours, theirs]: [Backend; 2]) {
        println!("| | {ours} | {theirs} | ratio |");
        println!("|---|---|---|---|");
        for Row { name, unit, better, values } in &self.0 {
            let [ours, theirs] = values.each_ref().map(|values| median(values));
            let ratio = match better {
                More => ours / theirs,
                Less => theirs / ours,
            };
            println!("| {name} ({unit}) | {ours:.2} | {theirs:.2} | {ratio:.2} |");
        }
        println!();
    }
}

impl Column<'_> {
    pub(crate) fn less(&mut self, name: &str, unit: &'static str, value: f64) {
        self.add(name, unit, Less, value);
    }

    pub(crate) fn more(&mut self, name: &str, unit: &'static str, value: f64) {
        self.add(name, unit, More, value);
    }

    fn add(&mut self, name: &str, unit: &'static str, better: Better, value: f64) {
        if !self.counts {
            return;
        }
        let rows = &mut self.figures.0;
        let at = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            rows.push(Row {
                name: name.to_owned(),
                unit,
                better,
                values: [Vec::new(), Vec::new()],
            });
            rows.len() - 1
        });
        rows[at].values[self.number].push(value);
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
