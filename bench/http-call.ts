import http from 'node:http';

/** Calls a process of the bench and waits for its JSON, however long that takes. */
export function callJson<T>(method: 'GET' | 'POST', url: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = http.request(url, { method, agent: false });
    call.on('error', reject);
    call.on('response', async (response) => {
      let body = '';
      response.setEncoding('utf8');
      for await (const chunk of response) body += chunk;
      if (response.statusCode === 200) resolve(JSON.parse(body));
      else reject(new Error(`${method} ${new URL(url).pathname}: ${response.statusCode} ${body}`));
    });
    call.end();
  });
}
