//! The instrument's panel: the widgets that the page shows. Here they are only checked.

use super::Profile;
use super::command::{Command, Template};
use super::error::ProfileError;
use super::quantity::{Quantity, range};
use super::reader::{Fields, Node, hint};

/// Curves in one chart.
const MAX_CURVES: usize = 16;

/// Choices of one selection.
const MAX_OPTIONS: usize = 64;

/// One widget.
#[derive(Debug, Clone)]
pub(crate) enum Widget {
    /// A bar or dial.
    Gauge {
        quantity: String,
        min: f64,
        max: f64,
    },
    /// A value in digits or words.
    Number {
        quantity: String,
    },
    /// A chart.
    Curve {
        quantities: Vec<String>,
    },
    /// Lit while the message says `on`.
    Lamp {
        quantity: String,
        on: String,
    },
    Button {
        title: String,
        send: Command,
    },
    /// A button that is held down.
    Hold {
        title: String,
        press: Command,
        release: Command,
    },
    /// A number to type.
    Entry {
        title: String,
        send: Template,
        /// What is sent is what was typed times this.
        scale: f64,
        min: Option<f64>,
        max: Option<f64>,
    },
    Select {
        title: String,
        quantity: Option<String>,
        options: Vec<Choice>,
    },
}

/// What can be selected.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) title: String,
    pub(crate) send: Command,
}

/// What the panel is checked against: the profile without it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a>(pub(super) &'a Profile);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Gauge,
    Number,
    Curve,
    Lamp,
    Button,
    Hold,
    Entry,
    Select,
}

impl Widget {
    pub(super) fn read(node: Node<'_>, context: Context<'_>) -> Result<Self, ProfileError> {
        const KINDS: [(&str, (Kind, &str)); 8] = [
            ("gauge", (Kind::Gauge, "a gauge")),
            ("number", (Kind::Number, "a number")),
            ("curve", (Kind::Curve, "a curve")),
            ("lamp", (Kind::Lamp, "a lamp")),
            ("button", (Kind::Button, "a button")),
            ("hold", (Kind::Hold, "a button to hold")),
            ("entry", (Kind::Entry, "an entry")),
            ("select", (Kind::Select, "a selection")),
        ];
        let mut fields = node.fields()?;
        let (kind, called) = fields.required("widget", |node| node.word(&KINDS))?;
        let widget = match kind {
            Kind::Gauge => context.gauge(&mut fields)?,
            Kind::Number => context.number(&mut fields)?,
            Kind::Curve => context.curve(&mut fields)?,
            Kind::Lamp => context.lamp(&mut fields)?,
            Kind::Button => Self::Button {
                title: fields.required("title", title)?,
                send: fields.required("send", |node| context.command(node))?,
            },
            Kind::Hold => Self::Hold {
                title: fields.required("title", title)?,
                press: fields.required("press", |node| context.command(node))?,
                release: fields.required("release", |node| context.command(node))?,
            },
            Kind::Entry => context.entry(&mut fields)?,
            Kind::Select => context.select(&mut fields)?,
        };
        fields.finish(called)?;
        Ok(widget)
    }
}

fn title(node: Node<'_>) -> Result<String, ProfileError> {
    node.label(100)
}

impl<'a> Context<'a> {
    fn gauge(self, fields: &mut Fields<'_>) -> Result<Widget, ProfileError> {
        fields.optional("title", title)?;
        let quantity = fields.required("quantity", |node| self.numeric(&node))?;
        let (min, max) = range(fields, |node| node.number())?;
        let (Some(min), Some(max)) = (min.or(quantity.min), max.or(quantity.max)) else {
            return Err(fields.error("a gauge needs “min” and “max”, here or at its quantity"));
        };
        if max <= min {
            return Err(fields.error(format!("its range from {min} to {max} is empty")));
        }
        Ok(Widget::Gauge {
            quantity: quantity.name.clone(),
            min,
            max,
        })
    }

    fn number(self, fields: &mut Fields<'_>) -> Result<Widget, ProfileError> {
        fields.optional("title", title)?;
        let quantity = fields.required("quantity", |node| self.quantity(&node))?;
        Ok(Widget::Number {
            quantity: quantity.name.clone(),
        })
    }

    fn curve(self, fields: &mut Fields<'_>) -> Result<Widget, ProfileError> {
        fields.optional("title", title)?;
        let quantities = fields.required("quantities", |node| {
            let names = node.each(MAX_CURVES, |node| Ok(self.numeric(&node)?.name.clone()))?;
            match names.is_empty() {
                true => Err(node.error("must not be empty")),
                false => Ok(names),
            }
        })?;
        Ok(Widget::Curve { quantities })
    }

    fn lamp(self, fields: &mut Fields<'_>) -> Result<Widget, ProfileError> {
        fields.optional("title", title)?;
        let quantity = fields.required("quantity", |node| self.quantity(&node))?;
        Ok(Widget::Lamp {
            quantity: quantity.name.clone(),
            on: fields.required("on", |node| node.text(100))?,
        })
    }

    fn entry(self, fields: &mut Fields<'_>) -> Result<Widget, ProfileError> {
        let title = fields.required("title", title)?;
        fields.optional("quantity", |node| self.numeric(&node).map(drop))?;
        fields.optional("unit", |node| node.label(32))?;
        fields.optional("digits", |node| node.whole(0..=9))?;
        let scale = fields.optional("scale", |node| match node.number()? {
            0.0 => Err(node.error("must not be 0")),
            scale => Ok(scale),
        })?;
        let scale = scale.unwrap_or(1.0);
        let (min, max) = range(fields, |node| node.number())?;
        let send = fields.required("send", |node| {
            let template = Template::read(&node)?;
            // As samples: the ends of the range, or something small.
            for value in [min, max].map(|end| end.unwrap_or(1.0)) {
                let Some(command) = template.render(value * scale) else {
                    let problem = format!("has too little room for {value} times {scale}");
                    return Err(node.error(problem));
                };
                self.allowed(&node, &command)?;
            }
            Ok(template)
        })?;
        Ok(Widget::Entry {
            title,
            send,
            scale,
            min,
            max,
        })
    }

    fn select(self, fields: &mut Fields<'_>) -> Result<Widget, ProfileError> {
        let title = fields.required("title", title)?;
        let quantity =
            fields.optional("quantity", |node| Ok(self.quantity(&node)?.name.clone()))?;
        let options = fields.required("options", |node| {
            let options = node.each(MAX_OPTIONS, |node| self.choice(node))?;
            match options.is_empty() {
                true => Err(node.error("must not be empty")),
                false => Ok(options),
            }
        })?;
        Ok(Widget::Select {
            title,
            quantity,
            options,
        })
    }

    fn choice(self, node: Node<'_>) -> Result<Choice, ProfileError> {
        let mut fields = node.fields()?;
        let choice = Choice {
            title: fields.required("title", title)?,
            send: fields.required("send", |node| self.command(node))?,
        };
        fields.finish("an option")?;
        Ok(choice)
    }

    /// A quantity by its name.
    fn quantity(self, node: &Node<'_>) -> Result<&'a Quantity, ProfileError> {
        let name = node.text(64)?;
        let mut quantities = self.0.quantities.iter();
        quantities
            .find(|quantity| quantity.name == name)
            .ok_or_else(|| {
                let names = self
                    .0
                    .quantities
                    .iter()
                    .map(|quantity| quantity.name.as_str());
                let hint = hint(&name, names);
                node.error(format!("there is no quantity “{name}”{hint}"))
            })
    }

    fn numeric(self, node: &Node<'_>) -> Result<&'a Quantity, ProfileError> {
        let quantity = self.quantity(node)?;
        match quantity.is_number() {
            true => Ok(quantity),
            false => {
                let name = &quantity.name;
                Err(node.error(format!("“{name}” is told in words, and a number is needed")))
            }
        }
    }

    fn command(self, node: Node<'_>) -> Result<Command, ProfileError> {
        let command = Command::read(node.clone())?;
        self.allowed(&node, command.as_bytes())?;
        Ok(command)
    }

    /// A command that is never let through is a slip of the pen.
    fn allowed(self, node: &Node<'_>, command: &[u8]) -> Result<(), ProfileError> {
        if self.0.allows(command) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(command).escape_debug().to_string();
        Err(node.error(format!("no pattern in “allow” lets “{text}” through")))
    }
}
