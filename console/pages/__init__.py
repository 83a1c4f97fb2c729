"""The pages: each a blueprint that makes a document of what the library returns, and shows it."""

from console.pages import database, overview

BLUEPRINTS = (overview.blueprint, database.blueprint)
