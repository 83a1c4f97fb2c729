"""The pages: each a blueprint that makes a document of what the library returns, and shows it."""

from console.pages import audit, backup, cost, database, drills, overview, requests, restore

BLUEPRINTS = tuple(each.blueprint for each in (overview, database, backup, restore, requests, drills, audit, cost))
