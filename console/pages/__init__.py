"""The pages: each module is a blueprint that builds a document from the library's results and renders it."""

from console.pages import audit, backup, cost, database, drills, overview, requests, restore

BLUEPRINTS = tuple(each.blueprint for each in (overview, database, backup, restore, requests, drills, audit, cost))
