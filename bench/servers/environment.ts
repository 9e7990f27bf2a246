/** What a process under test sees of the caller's environment: settings of somebody's shell are none of a bench. */
export const bareEnvironment: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: process.env.HOME }
