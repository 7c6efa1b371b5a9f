// The dashboard as an aggregator in NestJS: HttpModule with its defaults, as its documentation has it.
import 'reflect-metadata';
import { HttpModule, HttpService } from '@nestjs/axios';
import { Controller, Get, Injectable, Module, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { firstValueFrom } from 'rxjs';
import { notifications, orders, port, users } from './sources.js';

@Injectable()
class DashboardService {
  constructor(private readonly http: HttpService) {}

  async dashboard() {
    const started = performance.now();
    const [user, recentOrders, unread] = await Promise.allSettled([
      this.get(`${users}/api/profile`, 2000),
      this.get(`${orders}/api/orders?limit=5`, 3000),
      this.get(`${notifications}/api/unread`, 1500),
    ]);
    if (user.status === 'rejected') {
      throw new ServiceUnavailableException('user');
    }
    const failedSources: string[] = [];
    if (recentOrders.status === 'rejected') {
      failedSources.push('recentOrders');
    }
    if (unread.status === 'rejected') {
      failedSources.push('notifications');
    }
    return {
      user: user.value,
      recentOrders: recentOrders.status === 'fulfilled' ? recentOrders.value : null,
      notifications: unread.status === 'fulfilled' ? unread.value : [],
      _meta: {
        partial: failedSources.length > 0,
        failedSources,
        responseTimeMs: Math.round(performance.now() - started),
      },
    };
  }

  private async get(url: string, timeout: number): Promise<unknown> {
    const { data } = await firstValueFrom(this.http.get(url, { timeout }));
    return data;
  }
}

@Controller()
class DashboardController {
  constructor(private readonly dashboards: DashboardService) {}

  @Get()
  ready() {
    return 'ready';
  }

  @Get('dashboard')
  dashboard() {
    return this.dashboards.dashboard();
  }
}

@Module({ imports: [HttpModule], controllers: [DashboardController], providers: [DashboardService] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
await app.listen(port, '127.0.0.1');
