// The dashboard in Fastify with undici, a pool for each service. No schema: fields that nobody wrote down must pass, too.
import Fastify from 'fastify';
import { Pool } from 'undici';
import { notifications, orders, port, users } from './sources.js';

const pool = (origin, timeout) => new Pool(origin, { headersTimeout: timeout, bodyTimeout: timeout });
const pools = { user: pool(users, 2000), recentOrders: pool(orders, 3000), notifications: pool(notifications, 1500) };

async function get(pool, path) {
  const { statusCode, body } = await pool.request({ path, method: 'GET', headers: { accept: 'application/json' } });
  if (statusCode !== 200) {
    await body.dump();
    throw new Error(`status ${statusCode}`);
  }
  return body.json();
}

const app = Fastify();

app.get('/', () => 'ready');

app.get('/dashboard', async (request, reply) => {
  const started = performance.now();
  const [user, recentOrders, notifications] = await Promise.allSettled([
    get(pools.user, '/api/profile'),
    get(pools.recentOrders, '/api/orders?limit=5'),
    get(pools.notifications, '/api/unread'),
  ]);
  if (user.status === 'rejected') {
    return reply.code(503).send({ failed: 'user' });
  }
  const failedSources = [];
  if (recentOrders.status === 'rejected') {
    failedSources.push('recentOrders');
  }
  if (notifications.status === 'rejected') {
    failedSources.push('notifications');
  }
  return {
    user: user.value,
    recentOrders: recentOrders.status === 'fulfilled' ? recentOrders.value : null,
    notifications: notifications.status === 'fulfilled' ? notifications.value : [],
    _meta: { partial: failedSources.length > 0, failedSources, responseTimeMs: Math.round(performance.now() - started) },
  };
});

await app.listen({ port, host: '127.0.0.1' });
