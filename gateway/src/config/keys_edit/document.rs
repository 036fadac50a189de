//! The text of a keys file, changed without touching what stays.

use super::NewKey;
use crate::access::{ClientId, KeyId, ToolSet};
use crate::config::error::{ConfigError, Place};
use crate::config::moment::datetime;
use std::path::Path;
use std::time::SystemTime;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// What a new file begins with.
pub(super) const BEGINNING: &str = "\
# Who may use the gateway, and the digests of their keys; a key itself is never written here.
# `gateway keys new|hash|rotate|revoke` edit this file in place and leave comments as they are.
";

const BOM: char = '\u{feff}';

#[derive(Debug)]
pub(super) struct Document {
    toml: DocumentMut,
    bom: bool,
    windows: bool,
}

impl Document {
    /// The text of a file that was found to be good.
    pub(super) fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let toml = text.parse::<DocumentMut>().map_err(|e| {
            let place = Place::of_span(text, &e.span().unwrap_or_default());
            ConfigError::at(file, place, e.message())
        })?;
        let windows = text.matches("\r\n").count() * 2 > text.matches('\n').count();
        Ok(Self { toml, bom: text.starts_with(BOM), windows })
    }

    /// The text as it is now, with the byte order mark and line ends that it came with.
    pub(super) fn render(&self) -> String {
        let mut text = self.toml.to_string();
        if self.windows {
            text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        }
        if self.bom {
            text.insert(0, BOM);
        }
        text
    }

    pub(super) fn add_client(&mut self, id: &ClientId, tools: &ToolSet) {
        let tools = match tools {
            ToolSet::All => Value::from("all"),
            ToolSet::Only(names) => Value::from(names.iter().map(|name| &**name).collect::<Array>()),
        };
        let members = [("id", Value::from(id.as_str())), ("tools", tools)];
        // what stands at the end stays before what is added, unless that comes before roles, whose end it then is
        let end = if self.ends_with_clients() { self.toml.trailing().as_str().unwrap_or_default() } else { "" };
        let end = end.to_owned();
        let clients = self.toml.entry("client").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        if push(clients, members)
            && let Some(table) = clients.as_array_of_tables_mut().and_then(|tables| tables.iter_mut().last())
            && !end.is_empty()
        {
            let line_end = if end.ends_with('\n') { "" } else { "\n" };
            table.decor_mut().set_prefix(format!("{end}{line_end}\n"));
            self.toml.set_trailing("");
        }
    }

    /// Whether no table stands behind the clients: where there are none yet, the first comes last.
    fn ends_with_clients(&self) -> bool {
        let of_clients = self.toml.get("client").and_then(last_place);
        let others = self.toml.iter().filter(|(name, _)| *name != "client").filter_map(|(_, item)| last_place(item));
        of_clients.is_none() || others.max() < of_clients
    }

    /// Adds a key to a client; `None` if a date cannot be written.
    pub(super) fn add_key(&mut self, client: &ClientId, key: &NewKey) -> Option<()> {
        let mut members = vec![("id", Value::from(key.id.as_str())), ("digest", Value::from(key.digest.to_string()))];
        let times =
            [("created_at", Some(key.created_at)), ("not_before", key.not_before), ("expires_at", key.expires_at)];
        for (member, time) in times {
            if let Some(time) = time {
                members.push((member, Value::from(datetime(time)?)));
            }
        }
        members.extend(key.note.as_deref().map(|note| ("note", Value::from(note))));
        let clients = self.toml.get_mut("client")?;
        let inline = clients.is_value();
        let client = rows(clients).into_iter().find(|row| id_of(*row) == Some(client.as_str()))?;
        let empty =
            || if inline { Item::Value(Array::new().into()) } else { Item::ArrayOfTables(ArrayOfTables::new()) };
        push(client.entry("key").or_insert_with(empty), members);
        Some(())
    }

    /// Sets a member of a key to a moment; `None` if it cannot be written.
    pub(super) fn set_time(&mut self, key: &KeyId, member: &str, time: SystemTime) -> Option<()> {
        self.set(key, member, Value::from(datetime(time)?));
        Some(())
    }

    /// Sets a member of a key; a comment behind the old value stays.
    pub(super) fn set(&mut self, key: &KeyId, member: &str, mut value: Value) {
        let clients = self.toml.get_mut("client").map(rows).unwrap_or_default();
        let mut keys = clients.into_iter().filter_map(|client| client.get_mut("key")).flat_map(rows);
        let Some(row) = keys.find(|row| id_of(*row) == Some(key.as_str())) else { return };
        if let Some(old) = row.get_mut(member).and_then(Item::as_value_mut) {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        } else {
            row.insert(member, Item::Value(value));
        }
    }
}

/// The place in the file of the last table in this.
fn last_place(item: &Item) -> Option<isize> {
    let of_table = |table: &Table| table.iter().filter_map(|(_, item)| last_place(item)).chain(table.position()).max();
    match item {
        Item::Table(table) => of_table(table),
        Item::ArrayOfTables(tables) => tables.iter().filter_map(of_table).max(),
        Item::Value(_) | Item::None => None,
    }
}

/// The tables of a list, written as `[[name]]` or as `name = [{..}]`.
fn rows(list: &mut Item) -> Vec<&mut dyn TableLike> {
    if list.is_array_of_tables() {
        let tables = list.as_array_of_tables_mut().into_iter().flat_map(ArrayOfTables::iter_mut);
        return tables.map(|table| table as &mut dyn TableLike).collect();
    }
    let values = list.as_array_mut().into_iter().flat_map(Array::iter_mut);
    values.filter_map(Value::as_inline_table_mut).map(|table| table as &mut dyn TableLike).collect()
}

/// Adds a table to a list in the list's own form. Tells whether it is one with a header of its own.
fn push<'a>(list: &mut Item, members: impl IntoIterator<Item = (&'a str, Value)>) -> bool {
    if let Some(tables) = list.as_array_of_tables_mut() {
        let mut table = Table::new();
        members.into_iter().for_each(|(member, value)| drop(table.insert(member, Item::Value(value))));
        tables.push(table);
        return true;
    }
    if let Some(values) = list.as_array_mut() {
        values.push(members.into_iter().collect::<InlineTable>());
    }
    false
}

fn id_of(row: &dyn TableLike) -> Option<&str> {
    row.get("id")?.as_str()
}
