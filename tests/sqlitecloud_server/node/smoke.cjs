// Runs requests on the local server with the JavaScript driver, and prints the results as one JSON object.
// Arguments: host, port, API key, and the installed driver's folder.
const [host, port, apikey, driver] = process.argv.slice(2)
const { Database } = require(driver)

const open = (options) =>
  new Promise((resolve, reject) => {
    const database = new Database({ host, port: Number(port), apikey, database: 'x.db', ...options }, (error) =>
      error ? reject(error) : resolve(database)
    )
  })

const caught = async (promise) => {
  try {
    await promise
    return null
  } catch (error) {
    return { message: error.message, errorCode: error.errorCode }
  }
}

async function main() {
  const seen = {}
  const database = await open({})
  seen.rows = await database.sql('SELECT id, n FROM t ORDER BY id')
  seen.bound = await database.sql('SELECT ? AS a, ? AS b', 'it\'s', 42)
  seen.written = await database.sql('INSERT INTO t (n) VALUES (?)', 'from node')
  seen.back = await database.sql('SELECT n FROM t WHERE id = 3')
  seen.chunked = (await database.sql('TEST ROWSET_CHUNK')).length
  seen.compressed = (await database.sql('TEST ROWSET_CHUNK_COMPRESSED')).length
  seen.float = await database.sql('TEST FLOAT')
  seen.command = await database.sql('TEST COMMAND')
  seen.error = await caught(database.sql('SELECT nope FROM t'))
  seen.unknown = await caught(database.sql('SET BOGUS STATEMENT TO 1;'))
  seen.named = await database.sql('USE DATABASE ?; SELECT count(*) AS n FROM t', 'x.db')
  const many = 'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 40000) SELECT i FROM n'
  seen.many = (await database.sql(many)).length
  database.close()
  console.error = () => {}
  seen.refused = await caught(open({ apikey: 'wrong' }))
  console.log(JSON.stringify(seen))
}

main().then(() => process.exit(0), (error) => { console.log(String(error)); process.exit(1) })
