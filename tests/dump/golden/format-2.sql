-- Litekeep SQL dump, format 2
-- database: app
-- created at: 2024-01-15T00:00:00Z
-- schema version: 7
-- to load: sqlite3 -safe -bail -cmd ".dbconfig defensive off" NEW.db < THIS.sql
PRAGMA encoding='UTF-8';
PRAGMA page_size=4096;
PRAGMA auto_vacuum=0;
PRAGMA foreign_keys=OFF;
PRAGMA ignore_check_constraints=ON;
BEGIN;
CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE, balance REAL, joined DATETIME);
INSERT INTO "users"("id","email","balance","joined") VALUES
(1,'ann@example.org',19.99,'2024-01-15 10:00:00'),
(7,'o''neil@example.org',-0.1,NULL),
(8,'pi@example.org',3.14159265358979312,1700000000);
CREATE TABLE notes(body, raw BLOB);
INSERT INTO "notes"(rowid,"body","raw") VALUES
(1,'two
lines',X'00FF'),
(2,replace('windows\r
','\r',char(13)),NULL),
(3,CAST(X'6E756C00' AS TEXT),9e999);
CREATE TABLE tags(name TEXT PRIMARY KEY COLLATE NOCASE, uses INTEGER) WITHOUT ROWID, STRICT;
INSERT INTO "tags"("name","uses") VALUES
('A',1),
('b',2);
CREATE TABLE odd(n INTEGER);
CREATE TABLE 'search_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO "search_data"("id","block") VALUES
(1,X'0102'),
(10,X'000000000101010001010101'),
(137438953473,X'0000001606306C696E6573010203010374776F010202040A');
CREATE TABLE 'search_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
INSERT INTO "search_idx"("segid","term","pgno") VALUES
(1,X'',2);
CREATE TABLE 'search_content'(id INTEGER PRIMARY KEY, c0);
INSERT INTO "search_content"("id","c0") VALUES
(1,'two lines');
CREATE TABLE 'search_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
INSERT INTO "search_docsize"("id","sz") VALUES
(1,X'02');
CREATE TABLE 'search_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO "search_config"("k","v") VALUES
('version',4);
DELETE FROM sqlite_sequence;
INSERT INTO "sqlite_sequence"(rowid,"name","seq") VALUES
(1,'users',8);
CREATE INDEX by_joined ON users(joined DESC) WHERE joined IS NOT NULL;
CREATE TABLE "litekeep_helper"("e0");
INSERT INTO "litekeep_helper"("e0","rowid") VALUES
(NULL,1),
(NULL,2),
(NULL,3);
CREATE INDEX "litekeep_helper_index" ON "litekeep_helper"("e0" COLLATE BINARY);
PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET name='by_hex', tbl_name='notes', sql='CREATE INDEX by_hex ON notes(unhex(body))' WHERE type='index' AND name='litekeep_helper_index';
PRAGMA writable_schema=RESET;
DROP TABLE "litekeep_helper";
PRAGMA writable_schema=ON;
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('table','search','search',0,'CREATE VIRTUAL TABLE search USING fts5(body)');
PRAGMA writable_schema=RESET;
CREATE VIEW rich AS SELECT * FROM users WHERE balance > 10 -- or so
;
CREATE TRIGGER greet AFTER INSERT ON users BEGIN INSERT INTO notes(body) VALUES('hello ' || new.email); END;
CREATE TABLE "litekeep_helper"(whole NOT NULL);
INSERT OR ROLLBACK INTO "litekeep_helper" SELECT NULL FROM (SELECT count(*) AS n FROM sqlite_schema WHERE lower(substr(name,1,7))<>'sqlite_') WHERE n<>15;
DROP TABLE "litekeep_helper";
PRAGMA user_version=42;
PRAGMA application_id=0;
COMMIT;
-- whole: 5 tables, 15 rows
